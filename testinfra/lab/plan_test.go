//go:build linux

package lab

import (
	"strings"
	"testing"
)

func TestLabNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"k3sedge": true, "e2e-7": true, "a": true, strings.Repeat("a", 20): true,
		"": false, "a.b": false, "-a": false, "A": false, "../x": false, "a/b": false, strings.Repeat("a", 21): false,
	} {
		if _, err := newPlan(name); (err == nil) != ok {
			t.Errorf("%q: %v, want accepted %v", name, err, ok)
		}
	}
}

func TestALabOwnsItsNamesOnly(t *testing.T) {
	t.Parallel()
	p := plan{"edge"}
	for _, name := range []string{p.lan(), p.stranger(), p.machine("9000")} {
		if !p.owns(name) {
			t.Errorf("%s is not taken for its own", name)
		}
		if len(name) > 64 {
			t.Errorf("%s is too long for a machine", name)
		}
	}
	for _, name := range []string{plan{"edge-2"}.lan(), plan{"edg"}.lan(), "edge", "edge.lan", "k3lab", "k3lab.edge", ""} {
		if p.owns(name) {
			t.Errorf("%s is taken for its own", name)
		}
	}
}

func TestPortsAreShortAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{"9000", "90001", "stranger", "a-long-machine-name-1", "a-long-machine-name-2", "exactly13char"} {
		p := port(id)
		if len(p) > 15 {
			t.Errorf("%s: %s has more than 15 characters", id, p)
		}
		if other, taken := seen[p]; taken {
			t.Errorf("%s and %s share %s", id, other, p)
		}
		seen[p] = id
	}
}

func TestMachineOfRecognisesItsOwnOnly(t *testing.T) {
	t.Parallel()
	l, err := Open("edge")
	if err != nil {
		t.Fatal(err)
	}
	ours := machineMark(l.plan.machine("9000"))
	for name, c := range map[string]struct {
		argv []string
		want bool
	}{
		"nspawn":             {[]string{"/usr/bin/systemd-nspawn", "--boot", ours}, true},
		"launcher before it": {[]string{"/bin/sh", "-c", launcher, "launcher", "--", "systemd-nspawn", ours}, true},
		"another lab's":      {[]string{"systemd-nspawn", machineMark(plan{"edge-2"}.machine("9000"))}, false},
		"somebody's":         {[]string{"systemd-nspawn", "--machine=edge"}, false},
		"an editor":          {[]string{"vi", ours}, false},
		"gone":               {nil, false},
	} {
		if _, got := l.machineOf(c.argv); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
