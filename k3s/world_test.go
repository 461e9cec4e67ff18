package k3s

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

const wantVersion = "v1.35.4+k3s1"

// world is a cluster's machines, with a K3s that starts at once and does what
// K3s does when it starts, as far as these steps can see.
type world struct {
	t     *testing.T
	c     Config
	hosts map[string]*fakehost.Host
	kube  *fakekube.Kube
	log   eventLog

	mu       sync.Mutex
	away     bool                    // the API does not answer
	started  func(name string) error // its error is what K3s ends with
	ranWith  map[string]string       // config.yaml at the last start, by node
	slow     time.Duration           // from the start to being ready
	down     int                     // started and not ready yet
	worst    int                     // the most that were down at once
	reported string                  // the version that kubelets report, if another
	pid      int
}

// newWorld has hardened machines: edge-1 is the server, others as named in roles.
func newWorld(t *testing.T, roles ...inventory.Role) *world {
	t.Helper()
	w := &world{t: t, hosts: map[string]*fakehost.Host{}, kube: fakekube.New(), ranWith: map[string]string{}, pid: 100, away: true}
	w.c = Config{
		Cluster: inventory.Cluster{K3s: &inventory.K3s{
			Version: wantVersion, PodCIDR: netip.MustParsePrefix("10.42.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.43.0.0/16"),
			TLSSANs: []string{"edge.lab.test"},
		}},
		Manifests: []Manifest{{"traefik-config.yaml", saying("kind: HelmChartConfig\n")}},
		Now:       time.Now,
	}
	w.useRelease(wantVersion, "binary")
	for i, role := range append([]inventory.Role{inventory.Server}, roles...) {
		n := inventory.Node{Name: fmt.Sprintf("edge-%d", i+1), Role: role, Address: netip.AddrFrom4([4]byte{10, 77, 0, byte(11 + i)})}
		w.c.Cluster.Nodes = append(w.c.Cluster.Nodes, n)
		w.hosts[n.Name] = w.host(n, i)
	}
	return w
}

// useRelease puts another release into the operator's cache.
func (w *world) useRelease(version, content string) {
	w.t.Helper()
	dir := w.t.TempDir()
	file := func(name string) release.File {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content+name), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return release.File{Name: name, Path: path, SHA256: sum([]byte(content + name)), Size: int64(len(content + name))}
	}
	files := release.Files{Version: version, Arch: "amd64", Binary: file("k3s"), Images: file("k3s-airgap-images-amd64.tar.zst")}
	w.c.Files = func(_ context.Context, arch string) (release.Files, error) {
		if arch != "amd64" {
			return release.Files{}, fmt.Errorf("no release for %q", arch)
		}
		return files, nil
	}
}

func (w *world) host(n inventory.Node, i int) *fakehost.Host {
	h := fakehost.New(w.t)
	h.Edit(func(s *fakehost.State) {
		for _, k := range kernelSettings() {
			s.Sysctls[k.key] = k.want
		}
		s.Ports = []look.Port{{Proto: "tcp", Address: "0.0.0.0", Port: 22, Process: "sshd"}}
		s.Interfaces[n.Address.String()] = "eth0"
		for peer := range 5 {
			if peer != i {
				s.Dials[fmt.Sprintf("10.42.%d.0:10250", peer)] = look.DialAnswer{Outcome: look.Answered}
			}
		}
		s.Dials["10.77.0.11:6443"] = look.DialAnswer{Outcome: look.Answered}
	})
	h.OnRun = func(s *fakehost.State, c machine.Command) (machine.Output, error) {
		return machine.Output{}, w.run(n, i, s, c)
	}
	return h
}

// run is the commands that the steps may use.
func (w *world) run(n inventory.Node, i int, s *fakehost.State, c machine.Command) error {
	unit := unitOf(n.Role)
	u, known := s.Units[unit]
	if _, there := s.Files[unitDir+"/"+unit]; there && !known {
		u = fakehost.Stopped()
	}
	switch line := c.String(); {
	case !c.Root:
		return fakehost.ErrUnknown
	case strings.HasPrefix(line, "install -d -o root -g root -m "):
		mode, err := strconv.ParseUint(c.Argv[7], 8, 32)
		if err != nil {
			return err
		}
		s.Mkdir(c.Argv[9], os.FileMode(mode))
		return nil
	case line == "systemctl reset-failed "+unit:
		u.Restarts = 0
	case line == "systemctl daemon-reload":
		u.Reload = false
	case line == "systemctl enable "+unit:
		u.File = "enabled"
	case line == "systemctl restart --no-block "+unit, line == "systemctl start --no-block "+unit:
		w.mu.Lock()
		w.pid++
		u.Active, u.Sub, u.MainPID, u.Since = "active", "running", w.pid, time.Now().Add(time.Duration(w.pid))
		w.mu.Unlock()
		if err := w.start(n, i, s); err != nil {
			u.Active, u.Sub, u.Restarts = "activating", "auto-restart", 1
			s.Journals[unit] = []string{err.Error()}
		}
	default:
		return fakehost.ErrUnknown
	}
	s.Units[unit] = u
	return nil
}

// start is what K3s does: tokens, and a Node that is ready.
func (w *world) start(n inventory.Node, i int, s *fakehost.State) error {
	if w.started != nil {
		if err := w.started(n.Name); err != nil {
			return err
		}
	}
	var config settings
	if err := yaml.Unmarshal(s.Files[configPath].Content, &config); err != nil {
		w.t.Errorf("%s: config.yaml: %v", n.Name, err)
	}
	if config.ClusterInit {
		s.Put(serverTokenPath, fullForm("server", config.Token), 0o600)
		s.Put(agentTokenPath, fullForm("node", config.AgentToken), 0o600)
	} else if !fullToken.MatchString(string(config.Token)) {
		w.t.Errorf("%s joins by a token that is not the full one", n.Name)
	}
	files, err := w.c.Files(context.Background(), "amd64")
	if err != nil || sum(s.Files[binaryPath].Content) != files.Binary.SHA256 {
		w.t.Errorf("%s: another binary than that of %s: %v", n.Name, files.Version, err)
	}
	w.mu.Lock()
	w.away, w.ranWith[n.Name] = false, string(s.Files[configPath].Content)
	w.mu.Unlock()
	return w.join(n.Name, i, cmp.Or(w.reported, files.Version))
}

// join makes the Node, which becomes ready after a while.
func (w *world) join(name string, i int, version string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slow == 0 {
		return w.kube.Put("kubelet", nodeJSON(name, i, true, version))
	}
	w.down++
	w.worst = max(w.worst, w.down)
	time.AfterFunc(w.slow, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.down--
		if err := w.kube.Put("kubelet", nodeJSON(name, i, true, version)); err != nil {
			w.t.Error(err)
		}
	})
	return w.kube.Put("kubelet", nodeJSON(name, i, false, version))
}

func fullForm(user string, t secret) []byte {
	hash := sha256.Sum256([]byte("authority"))
	return []byte("K10" + hex.EncodeToString(hash[:]) + "::" + user + ":" + string(t) + "\n")
}

func nodeJSON(name string, i int, ready bool, version string) map[string]any {
	status := map[bool]string{true: "True", false: "False"}[ready]
	return map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"podCIDR": fmt.Sprintf("10.42.%d.0/24", i)},
		"status": map[string]any{
			"conditions": []any{map[string]any{"type": "Ready", "status": status, "reason": "KubeletReady", "message": "because"}},
			"nodeInfo":   map[string]any{"kubeletVersion": version},
		},
	}
}

// api is the cluster's API as soon as a server runs.
type api struct {
	w *world
	cluster.API
}

var errAway = errors.New("connection refused")

func (a api) Get(ctx context.Context, path string) ([]byte, error) {
	a.w.mu.Lock()
	away := a.w.away
	a.w.mu.Unlock()
	if away {
		return nil, &cluster.AwayError{Method: "GET", Path: path, Err: errAway}
	}
	return a.API.Get(ctx, path)
}

func (w *world) api() cluster.API { return api{w, w.kube.API()} }

// up runs all stages.
func (w *world) up() (converge.Result, error) {
	hosts := map[string]Host{}
	for name, h := range w.hosts {
		hosts[name] = h
	}
	return w.upOn(hosts)
}

func (w *world) upOn(hosts map[string]Host) (converge.Result, error) {
	return converge.Run(w.t.Context(), nil, &w.log, Stages(w.c, hosts, w.api())...)
}

func (w *world) mustUp() converge.Result {
	w.t.Helper()
	r, err := w.up()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.log.text())
	}
	for name, h := range w.hosts {
		if now := string(h.State().Files[configPath].Content); w.ranWith[name] != now {
			w.t.Errorf("%s runs with\n%s, not with\n%s", name, w.ranWith[name], now)
		}
	}
	return r
}

func (w *world) plan() (converge.Result, error) {
	return converge.Run(w.t.Context(), nil, &w.log, PlanStages(w.c, w.looks(), w.api())...)
}

func (w *world) looks() map[string]look.Looker {
	hosts := map[string]look.Looker{}
	for name, h := range w.hosts {
		hosts[name] = h
	}
	return hosts
}

// changes are what was done to all hosts since forget.
func (w *world) changes() []string {
	var out []string
	for _, n := range w.c.Cluster.Nodes {
		for _, c := range w.hosts[n.Name].Changes() {
			out = append(out, n.Name+": "+c)
		}
	}
	return out
}

func (w *world) forget() {
	for _, h := range w.hosts {
		h.Forget()
	}
}

// eventLog keeps events as text, as an edge would print them.
type eventLog struct {
	mu     sync.Mutex
	events []converge.Event
}

// Report keeps an event.
func (l *eventLog) Report(e converge.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *eventLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, e := range l.events {
		fmt.Fprintf(&b, "%s %s %s %s %s %s %+v %v\n", e.Stage, e.Subject, e.Step, e.Kind, e.Message, e.Cause, e.Changes, e.Err)
	}
	return b.String()
}

// hintOf returns what the user can do about err.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// blindHost leaves something out of each look.
type blindHost struct {
	*fakehost.Host
	drop func(*look.Answer)
}

func (h blindHost) Look(ctx context.Context, r look.Request) (look.Answer, error) {
	a, err := h.Host.Look(ctx, r)
	h.drop(&a)
	return a, err
}

// saying is a manifest's content.
func saying(text string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(text), nil }
}
