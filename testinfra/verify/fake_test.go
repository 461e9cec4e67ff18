package verify

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
)

// fake is an operator whose commands answer what a test says.
type fake struct {
	t       *testing.T
	mu      sync.Mutex
	asked   []string
	answers []answer
}

// answer is that of every command line that holds a text; the first counts.
type answer struct {
	holds, stdout, stderr string
	code                  int
	once                  bool // and never again
}

// command makes a shell that prints the answer. What the test did not think of fails it.
func (f *fake) command(ctx context.Context, argv ...string) (*exec.Cmd, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := strings.Join(argv, " ")
	f.asked = append(f.asked, line)
	for i, a := range f.answers {
		if strings.Contains(line, a.holds) {
			if a.once {
				f.answers = slices.Delete(f.answers, i, i+1)
			}
			const script = `cat >/dev/null; printf %s "$1"; printf %s "$2" >&2; exit "$3"`
			return exec.CommandContext(ctx, "sh", "-c", script, "fake", a.stdout, a.stderr, string(rune('0'+a.code))), nil
		}
	}
	f.t.Errorf("nobody said what this answers: %s", line)
	return exec.CommandContext(ctx, "false"), nil
}

// newRun is a run over machines that are as testdata/node.txt, with times of
// their own where the test changes them.
func newRun(t *testing.T, answers ...answer) (*Run, *fake) {
	t.Helper()
	f := &fake{t: t, answers: slices.Clone(answers)} // those of once go
	r := &Run{
		site:    Site{Project: t.TempDir(), K3sedge: "k3sedge", Operator: f.command},
		cluster: cluster(), dir: t.TempDir(), about: map[string]machineFacts{},
	}
	r.site.Prober = filepath.Join(r.dir, "prober")
	if err := os.WriteFile(r.site.Prober, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.project = inventory.Project{Cluster: r.cluster}
	m, err := parseFacts(node(t))
	if err != nil {
		t.Fatal(err)
	}
	r.seen.machines = once[map[string]machineFacts]{true, map[string]machineFacts{"edge-1": m, "edge-2": m}}
	return r, f
}

// change changes what was read of a machine.
func (r *Run) change(node string, change func(m *machineFacts)) {
	m := r.seen.machines.value[node]
	change(&m)
	r.seen.machines.value[node] = m
}

// named is a promise by its name.
func named(t *testing.T, name string) Promise {
	t.Helper()
	for _, p := range Promises() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no promise %s", name)
	return Promise{}
}

// verdict checks one promise and wants a verdict with words in its reason.
func (r *Run) verdict(t *testing.T, name string, want Verdict, reason string) {
	t.Helper()
	got := r.Check(t.Context(), named(t, name))
	if got.Verdict != want || !strings.Contains(got.Reason, reason) || (want == Kept) != (got.Reason == "") {
		t.Errorf("%s: %s: %s; want %s: %s", name, got.Verdict, got.Reason, want, reason)
	}
}
