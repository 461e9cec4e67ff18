package provision

import (
	"context"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
	"github.com/k3sedge/k3sedge/testinfra/iso"
)

// world is a Proxmox stand-in, a LAN, and what the operator keeps. A new run
// on the same world is what follows a crash.
type world struct {
	t       *testing.T
	pve     *fakepve.Running
	cluster inventory.Cluster
	state   string
	pins    *pinStore
	lan     *lan
	// chosen by a test before a run
	beforeAct func(verb string) error
}

const clusterID = "0b5c7a52-1111-4222-8333-444455556666"

// image serves a qcow2 header that says 2 GiB.
func image(t *testing.T) (url, checksum string) {
	t.Helper()
	content := make([]byte, 512)
	copy(content, "QFI\xfb\x00\x00\x00\x03")
	copy(content[24:32], []byte{0, 0, 0, 0, 0x80, 0, 0, 0})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	t.Cleanup(s.Close)
	sum := sha512.Sum512(content)
	return s.URL + "/debian-12.qcow2", "sha512:" + hex.EncodeToString(sum[:])
}

func newWorld(t *testing.T, o fakepve.Options) *world {
	t.Helper()
	w := &world{t: t, pve: fakepve.Start(t, o), state: t.TempDir(), pins: &pinStore{keys: map[string][]string{}}}
	w.lan = &lan{world: w, guests: map[string]*guest{}}
	url, sum := image(t)
	w.cluster = inventory.Cluster{
		Name: "home", ID: clusterID,
		Provider: inventory.Provider{Proxmox: &inventory.Proxmox{
			Endpoint: w.pve.URL, TLSPin: w.pve.Pin(), Token: inventory.Token{ID: fakepve.TestToken},
			Node: "pve", Pool: "k3sedge", Bridge: "vmbr0", VMIDs: inventory.Range{First: 9000, Last: 9005},
			Storage: inventory.Storage{Disks: "local-lvm", Image: "local", ISO: "local"},
			Image:   &inventory.Image{URL: url, Checksum: sum},
		}},
		Network: inventory.Network{CIDR: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1"), DNS: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		SSH:     inventory.SSH{User: "admin", Port: 22, AuthorizedKeys: []string{"ssh-ed25519 AAAAoperator me"}},
	}
	for i, name := range []string{"edge-1", "edge-2"} {
		w.cluster.Nodes = append(w.cluster.Nodes, inventory.Node{Name: name, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(11 + i)}), CPUs: 2, Memory: 2 * inventory.GiB, Disk: 20 * inventory.GiB})
	}
	return w
}

func (w *world) config() Config {
	return Config{Cluster: w.cluster, Token: inventory.NewSecret(fakepve.TestSecret), StateDir: w.state, Pins: w.pins, Guests: w.lan, Prober: w.lan, NewHostKey: newHostKey}
}

// newHostKey makes up a key of the right form; nobody signs with it here.
func newHostKey() (machine.HostKey, error) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	blob := "\x00\x00\x00\x0b" + keyType + "\x00\x00\x00\x20" + string(random[:])
	public := keyType + " " + base64.StdEncoding.EncodeToString([]byte(blob))
	return machine.HostKey{Public: public, PrivatePEM: "the private half of " + public}, nil
}

// proxmox is a new run: a new client, the journal read again.
func (w *world) proxmox() *Proxmox {
	w.t.Helper()
	p, err := NewProxmox(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	p.every, p.pauses = time.Millisecond, []time.Duration{time.Millisecond, time.Millisecond}
	p.api.(*client).transport.pauses = []time.Duration{time.Millisecond}
	if w.beforeAct != nil {
		p.api = &crashing{API: p.api, before: w.beforeAct}
	}
	return p
}

// events collects what a run reports.
type events struct {
	mu  sync.Mutex
	all []converge.Event
}

// Report keeps e.
func (e *events) Report(event converge.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// changes lists what changed or differs: "edge-1 machine/config memory 1→2".
func (e *events) changes(kind converge.Kind) []string {
	var out []string
	for _, event := range e.all {
		if event.Kind == kind {
			for _, c := range event.Changes {
				out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s: %s -> %s", event.Subject, event.Step, c.ID, c.Have, c.Want)))
			}
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) up() (converge.Result, *events, error) {
	e := &events{}
	r, err := converge.Run(w.t.Context(), nil, e, w.proxmox().Stages()...)
	if err != nil {
		noSecretOf(w.t, err, fakepve.TestSecret)
	}
	return r, e, err
}

func (w *world) mustUp() (converge.Result, *events) {
	w.t.Helper()
	r, e, err := w.up()
	if err != nil {
		w.t.Fatalf("up: %v\nhint: %s", err, hintOf(err))
	}
	return r, e
}

func noSecretOf(t *testing.T, err error, secret string) {
	t.Helper()
	if strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, err, hintOf(err)), secret) {
		t.Errorf("the secret is shown: %v", err)
	}
}

// vms lists the VMs that are there.
func (w *world) vms() map[int]string {
	w.t.Helper()
	list, err := w.proxmox().api.VMs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[int]string{}
	for _, vm := range list {
		out[vm.VMID] = vm.Name
	}
	return out
}

func (w *world) vmConfig(id int) VMConfig {
	w.t.Helper()
	c, err := w.proxmox().api.VMConfig(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// ask sends a change of the test's own and waits for it.
func (w *world) ask(ask func(ctx context.Context, api API) (UPID, error)) {
	w.t.Helper()
	p := w.proxmox()
	id, err := ask(w.t.Context(), p.api)
	if err == nil {
		err = waiter{tasks: p.api, every: time.Millisecond}.wait(w.t.Context(), id)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// writes are the changing requests since the log was emptied.
func (w *world) writes() []string {
	var out []string
	for _, c := range w.pve.Calls() {
		if c.Writes() {
			out = append(out, c.Method+" "+c.Path)
		}
	}
	return out
}

// pinStore is Pins in memory; it outlives a run as a file would.
type pinStore struct {
	mu   sync.Mutex
	keys map[string][]string
	fail error
}

// Pinned returns the node's keys.
func (p *pinStore) Pinned(node string) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.keys[node]), nil
}

// Pin replaces them.
func (p *pinStore) Pin(node string, keys ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[node] = slices.Clone(keys)
	return p.fail
}

// Forget removes them.
func (p *pinStore) Forget(node string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, node)
	return nil
}

// lan is the network with the machines that the stand-in runs.
type lan struct {
	world  *world
	mu     sync.Mutex
	guests map[string]*guest // by instance-id: a machine keeps its keys over restarts
	taken  []netip.Addr      // by strangers
	dead   bool              // nothing boots
	onBoot func(*guest)
}

// Answers says who is at an address.
func (l *lan) Answers(_ context.Context, at netip.AddrPort) (bool, error) {
	return slices.Contains(l.taken, at.Addr()), nil
}

// Reader looks at a node.
func (l *lan) Reader(n inventory.Node) machine.Reader { return &login{lan: l, node: n} }

// Host changes a node.
func (l *lan) Host(n inventory.Node) GuestHost { return &login{lan: l, node: n} }

// boot finds the machine that runs at a node's address, booted from the seed
// that hung on it when it was started.
func (l *lan) boot(node string) (*guest, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := 9000; id <= 9005; id++ {
		m, isos, running := l.world.pve.Memory.Started(id)
		if !running || m.Name != node || !l.world.pve.Memory.Running(id) {
			continue
		}
		if l.dead {
			break
		}
		if g := l.guests[m.UUID]; g != nil {
			return g, nil
		}
		for _, iso := range isos {
			g, err := firstBoot(iso)
			if err != nil {
				return nil, err
			}
			if g != nil {
				if l.onBoot != nil {
					l.onBoot(g)
				}
				l.guests[m.UUID] = g
				return g, nil
			}
		}
	}
	return nil, &machine.UnreachableError{Address: node, State: machine.NoRoute}
}

// guest is the inside of a machine.
type guest struct {
	shown, file, next string // host keys: of the running sshd, in its file, made and not in place
	files             map[string][]byte
	user              userData
	crash             func(argv []string) error
}

func firstBoot(image []byte) (*guest, error) {
	disc, err := iso.Read(image)
	if err != nil || disc.Label != "cidata" {
		return nil, err
	}
	g := &guest{files: map[string][]byte{}}
	if err := yaml.Unmarshal(disc.Files["user-data"], &g.user); err != nil {
		return nil, err
	}
	if g.user.SSHKeys.Public == "" {
		return nil, errors.New("no host key in the seed")
	}
	g.shown, g.file = g.user.SSHKeys.Public, g.user.SSHKeys.Public
	return g, nil
}
