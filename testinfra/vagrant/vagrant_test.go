//go:build linux && vagrant

package vagrant

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/lab"
	"github.com/k3sedge/k3sedge/testinfra/verify"
)

// TestPromises has a test for each promise, of the machines that `make
// vagrant-up` made: what was done to them by hand since is not mended first.
func TestPromises(t *testing.T) {
	m, bin := machines(t)
	t.Setenv("TMPDIR", m.dir()) // what a killed test leaves goes with the machines
	site, err := m.Site(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}
	run, err := verify.New(site)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := run.Close(t.Context()); err != nil {
			t.Error(err)
		}
		report := run.Report()
		if err := report.Write("results"); err != nil {
			t.Error(err)
		}
		for _, r := range report.Results { // once more, for whoever sees the end of it only
			if r.Verdict != verify.Kept && r.Verdict != verify.LeftOut {
				t.Logf("%s %s: %s", r.Verdict, r.Name, r.Reason)
			}
		}
	}()
	for _, p := range verify.Promises() {
		t.Run(p.Name, func(t *testing.T) {
			switch r := run.Check(t.Context(), p); r.Verdict {
			case verify.Kept:
			case verify.LeftOut:
				t.Skip(r.Reason)
			default:
				t.Errorf("%s: %s", r.Verdict, r.Reason)
			}
		})
	}
}

// machines finds the machines and the folder of our programs.
func machines(t *testing.T) (Machines, string) {
	bin, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Open("vagrant", lab.WithProgram(filepath.Join(bin, "k3sedge-lab")))
	if err != nil {
		t.Fatal(err)
	}
	m := Machines{Lab: l, Source: source, Progress: progress{t}}
	if _, err := os.Stat(filepath.Join(m.Project(), "k3sedge.yaml")); err != nil {
		t.Fatal("there are no machines to look at: make vagrant-up")
	}
	return m, bin
}

type progress struct{ t *testing.T }

func (p progress) Write(text []byte) (int, error) {
	p.t.Log(strings.TrimRight(string(text), "\n"))
	return len(text), nil
}
