package hardening

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// The whole audit puts what the cluster says beside what the node says.
func TestAWholeAudit(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, hardened(t, p))
	r, err := AuditAll(t.Context(), h, p, LookAtCluster(t.Context(), kubeWithNodes(t).API(), []string{"node-1", "node-2"}, p))
	if err != nil || len(r.Findings) != len(Controls()) {
		t.Fatalf("audit: %v, %d findings", err, len(r.Findings))
	}
	h.wantCalls("facts /agent-amd64")
	if h.request.K3s == nil || h.request.K3s.API != "10.0.0.11:6443" || len(h.request.Wire) < len(p.k3sDials()) {
		t.Errorf("request %+v", h.request)
	}
	for _, finding := range r.Findings {
		if want := map[string]Status{"K3S-02": Pass, "K3S-05": Pass, "K3S-06": Pass, "K3S-09": NotApplicable, "K3S-10": Unknown, "K3S-12": Pass}[finding.ID]; want != "" && finding.Status != want {
			t.Errorf("%s is %s, want %s: %q", finding.ID, finding.Status, want, finding.Evidence)
		}
	}
}

// What is kept on servers alone does not concern an agent.
func TestTheControlsOnServersDoNotApplyToAgents(t *testing.T) {
	t.Parallel()
	c := testCluster()
	p, err := NewPolicy(c, c.Nodes[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	f := hardened(t, p)
	f.K3s = &facts.K3s{}
	if r := p.k3sRequest(); r == nil || r.API != "" {
		t.Errorf("an agent is asked %+v", r)
	}
	for _, c := range k3sControls() {
		server := c.ID == "K3S-01" || c.ID == "K3S-03" || c.ID == "K3S-04"
		if v := c.judge(f, p); server != (v.Status == NotApplicable) || !server && v.Status != Pass {
			t.Errorf("%s is %s: %q", c.ID, v.Status, v.Evidence)
		}
	}
}

func TestAWarmAuditIsOneCall(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, hardened(t, p))
	r, err := Audit(t.Context(), h, p)
	ofHosts := slices.DeleteFunc(Controls(), Control.ofCluster)
	if err != nil || r.Counts().Pass != len(ofHosts) || len(r.Findings) != len(ofHosts) {
		t.Errorf("audit: %v, %+v", err, r.Counts())
	}
	h.wantCalls("facts /agent-amd64")
	if len(h.request.Users) != 3 || len(h.request.Sources) != 4 || h.request.Ruleset != p.Ruleset || len(h.request.Files) == 0 || len(h.request.Sysctls) == 0 {
		t.Errorf("request %+v", h.request)
	}
}

func TestTheAgentIsPlacedOnlyWhereItIsMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, arch string
		placed     map[string]bool
		want       []string
	}{
		{"first visit", "x86_64", map[string]bool{}, []string{"facts /agent-amd64", "arch", "place /agent-amd64", "facts /agent-amd64"}},
		{"first visit, arm64", "aarch64", map[string]bool{}, []string{"facts /agent-amd64", "arch", "facts /agent-arm64", "place /agent-arm64", "facts /agent-arm64"}},
		{"warm, arm64", "aarch64", map[string]bool{"/agent-arm64": true}, []string{"facts /agent-amd64", "arch", "facts /agent-arm64"}},
	}
	p := testPolicy(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, hardened(t, p))
			h.arch, h.placed = tt.arch, tt.placed
			if _, err := Audit(t.Context(), h, p); err != nil {
				t.Error(err)
			}
			h.wantCalls(tt.want...)
		})
	}
}

// A shell that is given a damaged program to run may end in any way, even well.
func TestADamagedAgentIsPlacedAnew(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	for name, err := range map[string]error{
		"not runnable": &machine.ExitError{Code: 126}, "ended by a signal": &machine.ExitError{Code: 139, Signal: "SEGV"},
		"taken for a script": &machine.ExitError{Code: 2, Stderr: "Syntax error"}, "silent": nil,
	} {
		h := newHost(t, hardened(t, p))
		h.damaged, h.damage = true, err
		if _, err := Audit(t.Context(), h, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		h.wantCalls("facts /agent-amd64", "arch", "place /agent-amd64", "facts /agent-amd64")
	}
}

func TestAnUnknownArchitectureIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, hardened(t, p))
	h.arch, h.placed = "riscv64", nil
	if _, err := Audit(t.Context(), h, p); err == nil || hintOf(err) == "" {
		t.Errorf("error %v, hint %q", err, hintOf(err))
	}
}

func TestAnotherFormatOfFactsIsRefused(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Version++
	if _, err := Audit(t.Context(), newHost(t, f), p); err == nil || !strings.Contains(hintOf(err), "make build") {
		t.Errorf("error %v, hint %q", err, hintOf(err))
	}
}

// answers is a Looker whose every answer is the same.
type answers struct {
	out  machine.Output
	err  error
	arch string
}

func (a answers) Query(_ context.Context, q machine.Query) (machine.Output, error) {
	if q.Command().Argv[0] == "uname" && a.arch != "" {
		return machine.Output{Stdout: []byte(a.arch)}, nil
	}
	return a.out, a.err
}

var errDiskFull = errors.New("disk full")

func (answers) Place(context.Context, machine.Agent) error { return errDiskFull }

func TestWhatGoesWrongWhileLookingIsNeverAnEmptyAnswer(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	missing := &machine.ExitError{Code: 127}
	gone := &machine.UnreachableError{Address: "10.0.0.11", State: machine.Lost}
	tests := []struct {
		name   string
		target answers
		want   error
	}{
		{"unreachable", answers{err: gone}, gone},
		{"no JSON", answers{out: machine.Output{Stdout: []byte("hello")}}, nil},
		{"no output", answers{}, nil},
		{"agent fails", answers{err: &machine.ExitError{Code: 1}}, nil},
		{"no architecture", answers{err: missing}, missing},
		{"no room for the agent", answers{err: missing, arch: "x86_64"}, errDiskFull},
	}
	for _, tt := range tests {
		_, err := Audit(t.Context(), tt.target, p)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// noAgents is a build without agents.
type noAgents struct{ fakeAgents }

var errNoAgents = errors.New("not built")

func (noAgents) Path(string) (string, error) { return "", errNoAgents }

func TestABuildWithoutAgentsTouchesNoHost(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Agents = noAgents{}
	h := newHost(t, hardened(t, p))
	if _, err := Audit(t.Context(), h, p); !errors.Is(err, errNoAgents) {
		t.Error(err)
	}
	h.wantCalls()
}
