package judges

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/ssh"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

const (
	sshdProgram = "/usr/sbin/sshd"
	dropIn      = "/etc/ssh/sshd_config.d/00-k3sedge.conf"
)

// debianSSHD is this machine's sshd on loopback, set as k3sedge's drop-in says.
type debianSSHD struct {
	cfg  ssh.Config
	port int
}

// newDebianSSHD starts it with keys and moduli of its own.
func newDebianSSHD(t *testing.T) debianSSHD {
	t.Helper()
	if _, err := os.Stat(sshdProgram); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and Debian's sshd")
	}
	if err := os.Mkdir("/run/sshd", 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Skipf("sshd needs /run/sshd: %v", err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // sshd reads authorized_keys as the user
		t.Fatal(err)
	}
	identity, public := sshtest.NewKey(t, "")
	hostKeys := []facts.HostKey{makeHostKey(t, dir, "ed25519"), makeHostKey(t, dir, "rsa")}
	port := freePort(t)
	pins, err := ssh.OpenPins(filepath.Join(dir, "known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := pins.Set("real", address, read(t, filepath.Join(dir, "ed25519.pub"))); err != nil {
		t.Fatal(err)
	}
	cfg := ssh.Config{Name: "real", Address: address, User: "root", Auth: &ssh.Auth{Identities: []string{identity}}, Pins: pins}
	// The first line that sshd reads counts, and AllowUsers adds up: only root
	// is sure to have an account here.
	config := fmt.Sprintf("ListenAddress %s\nPermitRootLogin prohibit-password\nAllowUsers root\nPidFile none\nUsePAM no\nStrictModes no\nModuliFile %s/moduli\nAuthorizedKeysFile %s/keys\n",
		address, dir, dir) + renderDropIn(t, hostKeys, ssh.NewHost(cfg))
	for name, content := range map[string]string{"sshd_config": config, "keys": public + "\n", "moduli": strongModuli(t)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	start(t, filepath.Join(dir, "sshd_config"))
	return debianSSHD{cfg, port}
}

func makeHostKey(t *testing.T, dir, kind string) facts.HostKey {
	t.Helper()
	file := filepath.Join(dir, kind)
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("make a host key: %v: %s", err, out)
	}
	return facts.HostKey{File: file, Type: "ssh-" + kind, Bits: 3072, Mode: 0o600}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// renderDropIn is what k3sedge writes to a server of a cluster.
func renderDropIn(t *testing.T, keys []facts.HostKey, h *ssh.Host) string {
	t.Helper()
	p, err := hardening.NewPolicy(inventory.Cluster{
		Name: "edge", SSH: inventory.SSH{User: "admin", Port: 22, AllowFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Nodes:   []inventory.Node{{Name: "node-1", Role: inventory.Server, Address: netip.MustParseAddr("10.0.0.11")}},
		Network: inventory.Network{CIDR: netip.MustParsePrefix("10.0.0.0/24")},
		K3s:     &inventory.K3s{PodCIDR: netip.MustParsePrefix("10.42.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.43.0.0/16")},
	}, inventory.Node{Name: "node-1", Role: inventory.Server, Address: netip.MustParseAddr("10.0.0.11")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Client = func() facts.Algorithms { return facts.Algorithms(h.Algorithms()) }
	plan := hardening.PlanFor(&facts.Facts{
		System: &facts.System{OS: "debian", Release: "12", BootID: "b"}, SSHD: &facts.SSHD{Valid: true}, HostKeys: keys,
		Files: map[string]facts.File{dropIn: {}, "/etc/cloud/cloud.cfg": {}, "/etc/cloud/cloud.cfg.d/99-k3sedge.cfg": {}},
	}, p)
	for _, f := range plan.Transaction.Files {
		if f.Path == dropIn {
			return f.Content
		}
	}
	t.Fatal("k3sedge would write no drop-in")
	return ""
}

// strongModuli are Debian's, as SSH-11 has them.
func strongModuli(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	lines := bufio.NewScanner(strings.NewReader(read(t, "/etc/ssh/moduli")))
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 7 && f[4] != "2047" {
			out.WriteString(lines.Text() + "\n")
		}
	}
	return out.String()
}

// start runs sshd until the test ends.
func start(t *testing.T, config string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), sshdProgram, "-t", "-f", config).CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("Algorithms")) {
			t.Skipf("this sshd is not Debian 12's: %s", out)
		}
		t.Fatalf("sshd refuses the drop-in: %v: %s", err, out)
	}
	server := exec.Command(sshdProgram, "-D", "-f", config)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
}

// Our own client gets in, reaches the API through it, and nothing else.
func TestOurClientWorksWithTheDropIn(t *testing.T) {
	t.Parallel()
	s := newDebianSSHD(t)
	h := ssh.NewHost(s.cfg)
	defer h.Close()
	if err := h.WaitReady(t.Context(), 30*time.Second); err != nil && machine.StateOf(err) != machine.CloudInit {
		t.Fatal(err)
	}
	if out, err := h.Run(t.Context(), machine.Command{Argv: []string{"echo", "in"}}); err != nil || string(out.Stdout) != "in\n" {
		t.Fatalf("%q, %v", out.Stdout, err)
	}
	var api, other *machine.DialError
	if conn, err := h.Dial(t.Context(), "127.0.0.1:6443"); err == nil {
		_ = conn.Close() // something listens there on this machine
	} else if !errors.As(err, &api) || strings.Contains(api.Reason, "prohibited") {
		t.Errorf("the API: %v", err)
	}
	_, err := h.Dial(t.Context(), net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
	if !errors.As(err, &other) || !strings.Contains(other.Reason, "prohibited") {
		t.Errorf("another address: %v", err)
	}
}

// knownOfSSHAudit is what Debian 12's ssh-audit (2.5.0) says of algorithms
// that are younger than it: the marker of strict key exchange, and the
// post-quantum exchange, which it calls an experiment, or by its name of today
// unknown.
func knownOfSSHAudit() []string {
	return []string{
		"(kex) kex-strict-s-v00@openssh.com [warn] unknown algorithm",
		"(kex) sntrup761x25519-sha512@openssh.com [warn] using experimental algorithm",
		"(kex) sntrup761x25519-sha512 [warn] unknown algorithm",
	}
}

func TestSSHAuditOfTheDropIn(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh-audit"); err != nil {
		t.Skip("ssh-audit is not installed")
	}
	s := newDebianSSHD(t)
	if err := ssh.NewHost(s.cfg).WaitReady(t.Context(), 30*time.Second); err != nil && machine.StateOf(err) != machine.CloudInit {
		t.Fatal(err)
	}
	// Its exit code tells that it warned.
	out, _ := exec.CommandContext(t.Context(), "ssh-audit", "-n", "-l", "warn", "-p", strconv.Itoa(s.port), "127.0.0.1").Output()
	complaints, err := ParseSSHAudit(string(out))
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, c := range complaints {
		if !slices.Contains(knownOfSSHAudit(), c.String()) {
			t.Errorf("ssh-audit complains: %s", c)
		}
	}
	t.Logf("%d complaints:\n%s", len(complaints), out)
}
