package cli

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// proxmoxHost is the stand-in of Proxmox that a script talks to.
type proxmoxHost struct{ *fakepve.Running }

// pveCommand is the command pve of the scripts:
//
//	pve                          begins a stand-in and writes k3sedge.yaml and a key pair for it
//	pve noright                  the same, with a token that may do nothing
//	pve k3s                      the same, with a file that wants K3s
//	pve stranger VMID            puts somebody else's VM there
//	pve fault KIND METHOD PATH   makes requests go wrong; pve mend ends that
//	pve slow METHOD PATH TIME    makes tasks slow
//	pve wait METHOD PATH         waits until such a request was answered
//	pve untouched                wants that something was asked and nothing changed
func pveCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	if neg {
		ts.Fatalf("pve cannot be negated")
	}
	switch {
	case word == "" || word == "noright" || word == "k3s":
		w.startProxmox(ts, word)
	case word == "stranger" && len(args) == 2:
		vmid, err := strconv.Atoi(args[1])
		ts.Check(errors.Join(err, w.pve.AddForeignVM(vmid)))
	case word == "fault" && len(args) == 4:
		ts.Check(w.pve.Fault(fakepve.Fault{Kind: fakepve.Kind(args[1]), Method: args[2], Path: args[3]}))
	case word == "slow" && len(args) == 4:
		slow, err := time.ParseDuration(args[3])
		ts.Check(errors.Join(err, w.pve.Fault(fakepve.Fault{Kind: fakepve.TaskSlow, Method: args[1], Path: args[2], Delay: fakepve.Duration(slow)})))
	case word == "mend":
		w.pve.ClearFaults()
	case word == "wait" && len(args) == 3:
		w.pve.await(ts, args[1], regexp.MustCompile(args[2]))
	case word == "untouched":
		w.pve.untouched(ts)
	default:
		ts.Fatalf("pve: do not know %q", args)
	}
}

func (w *world) startProxmox(ts *testscript.TestScript, what string) {
	access := fakepve.TestAccess()
	access.Tokens[0].Secret, access.Tokens[0].PrivSep = canary, what == "noright"
	w.pve = &proxmoxHost{fakepve.Start(w.t, fakepve.Options{Access: access})}
	url, sum := image(w.t)
	node, port := darkAddress(w.t)
	c := inventory.Cluster{
		APIVersion: inventory.APIVersion, Kind: "Cluster", Name: "home", ID: inventory.NewID(),
		Provider: inventory.Provider{Proxmox: &inventory.Proxmox{
			Endpoint: w.pve.URL, TLSPin: w.pve.Pin(), Node: "pve", Pool: "k3sedge", Image: &inventory.Image{URL: url, Checksum: sum},
			Token: inventory.Token{ID: fakepve.TestToken, Secret: "env:K3SEDGE_PVE_TOKEN"},
		}},
		Network: inventory.Network{CIDR: netip.MustParsePrefix("127.0.0.0/8"), Gateway: netip.MustParseAddr("127.0.0.254")},
		SSH:     inventory.SSH{User: "admin", Port: port},
		Nodes:   []inventory.Node{{Name: "edge-1", Address: node}},
	}
	if what == "k3s" {
		c.K3s = &inventory.K3s{}
	}
	w.writeProject(c, "")
	ts.Setenv("PVE_URL", w.pve.URL)
	ts.Setenv("PVE_PIN", w.pve.Pin())
}

// writeProject writes k3sedge.yaml and a key pair, which is encrypted if
// there is a passphrase, and returns the public key.
func (w *world) writeProject(c inventory.Cluster, passphrase string) string {
	key, public := sshtest.NewKey(w.t, passphrase)
	private, err := os.ReadFile(key)
	w.check(err)
	c.SSH.Identities, c.SSH.AuthorizedKeys = []string{"id"}, []string{"file:id.pub"}
	inventory.Default(&c)
	text, err := yaml.Marshal(c)
	w.check(err)
	for name, content := range map[string][]byte{"id": private, "id.pub": []byte(public + "\n"), "k3sedge.yaml": text} {
		w.check(os.WriteFile(filepath.Join(w.dir, name), content, 0o600))
	}
	return public
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (p *proxmoxHost) await(ts *testscript.TestScript, method string, path *regexp.Regexp) {
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		for _, c := range p.Calls() {
			if c.Method == method && path.MatchString(c.Path) {
				return
			}
		}
	}
	ts.Fatalf("no %s %s among %+v", method, path, p.Calls())
}

func (p *proxmoxHost) untouched(ts *testscript.TestScript) {
	calls := p.Calls()
	if len(calls) == 0 {
		ts.Fatalf("Proxmox was not asked anything")
	}
	for _, c := range calls {
		if c.Writes() {
			ts.Fatalf("Proxmox was changed: %s %s", c.Method, c.Path)
		}
	}
}

// image serves a qcow2 header that says 2 GiB.
func image(t testing.TB) (url, checksum string) {
	t.Helper()
	content := make([]byte, 512)
	copy(content, "QFI\xfb\x00\x00\x00\x03")
	copy(content[24:32], []byte{0, 0, 0, 0, 0x80, 0, 0, 0})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	t.Cleanup(s.Close)
	sum := sha512.Sum512(content)
	return s.URL + "/debian-12.qcow2", "sha512:" + hex.EncodeToString(sum[:])
}

// darkAddress is an address at which nothing answers, as if nobody had it: a
// listener whose queue is full, so that the kernel drops what else comes.
func darkAddress(t testing.TB) (netip.Addr, int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	for {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 200*time.Millisecond)
		if err != nil {
			return netip.MustParseAddr("127.0.0.1"), port // full
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}
