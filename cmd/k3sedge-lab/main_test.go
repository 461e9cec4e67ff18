//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// runLab runs the command line with its files in a folder of the test's own.
func runLab(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	argv := append([]string{"k3sedge-lab", "--name", "test-main", "--state", filepath.Join(dir, "state"), "--cache", filepath.Join(dir, "cache")}, args...)
	code = run(argv, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestHelpNamesEveryCommandWithAnExample(t *testing.T) {
	code, help, _ := runLab(t)
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	for _, command := range []string{"up", "down", "status", "exec", "project", "image", "fault", "cloudflare", "restart", "machine", "verify"} {
		if !strings.Contains(help, "\n   "+command+" ") {
			t.Errorf("the help does not name %s:\n%s", command, help)
		}
		code, own, _ := runLab(t, command, "--help")
		if code != 0 || !strings.Contains(own, "k3sedge-lab "+command) {
			t.Errorf("%s --help: exit %d, without an example:\n%s", command, code, own)
		}
	}
	if strings.Contains(help, "serve") {
		t.Error("the help names the daemon's own command")
	}
}

func TestWrongUsageIsRefusedBeforeAnythingIsDone(t *testing.T) {
	for name, args := range map[string][]string{
		"no such command":   {"upp"},
		"no such flag":      {"up", "--fast"},
		"too many":          {"status", "now"},
		"project nowhere":   {"project"},
		"exec nothing":      {"exec"},
		"restart nothing":   {"restart"},
		"run nothing":       {"run", "m"},
		"order nothing":     {"cloudflare"},
		"no such order":     {"cloudflare", "rain"},
		"too many orders":   {"cloudflare", "records", "all"},
		"machine, no key":   {"machine", "m", "10.77.0.21"},
		"machine, no place": {"machine", "--key", "/dev/null", "m"},
		"verify nothing":    {"verify"},
		"verify, no folder": {"verify", "--project", "/nowhere", "--k3sedge", "/dev/null"},
		"verify, no CA":     {"verify", "--project", "/nowhere", "--k3sedge", "/dev/null", "--ca", "/nowhere"},
		"no such promise":   {"verify", "--project", "/nowhere", "--k3sedge", "/dev/null", "--only", "ports"},
		"no such bundle":    {"up", "--bundle", "/nowhere"},
		"verify, no binary": {"verify", "--project", "/nowhere", "--k3sedge", "/nowhere"},
	} {
		code, out, errs := runLab(t, args...)
		if code != 2 || !strings.HasPrefix(errs, "error: ") && !strings.Contains(errs, "\nerror: ") {
			t.Errorf("%s: exit %d, want 2\n%s%s", name, code, out, errs)
		}
	}
}

func TestAWrongPromiseOrBundleIsToldHowToFindOne(t *testing.T) {
	project := t.TempDir()
	for want, args := range map[string][]string{
		`no such promise: "ports"; k3sedge-lab verify --list shows them`:         {"verify", "--project", project, "--k3sedge", "/dev/null", "--only", "ports"},
		"--bundle: stat /nowhere: no such file or directory; make bundle builds": {"project", "--bundle", "/nowhere", project},
	} {
		if code, _, errs := runLab(t, args...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("exit %d, want 2 and %q\n%s", code, want, errs)
		}
	}
}

func TestALabThatIsDown(t *testing.T) {
	code, out, errs := runLab(t, "status", "--json")
	var s lab.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 0 || s.Up || s.Name != "test-main" || len(s.Machines) != 0 {
		t.Errorf("exit %d, %+v, %v\n%s", code, s, err, errs)
	}
	project := t.TempDir()
	for name, args := range map[string][]string{
		"exec":    {"exec", "--", "true"},
		"run":     {"run", "metal-1", "--", "true"},
		"project": {"project", project},
		"restart": {"restart", "edge-1"},
		"fault":   {"fault", `{"kind":"delay","delay":"1s"}`},
		"order":   {"cloudflare", "records"},
	} {
		code, _, errs := runLab(t, args...)
		if code != 1 || !strings.Contains(errs, "is not up") || !strings.Contains(errs, "hint: k3sedge-lab --name test-main up") {
			t.Errorf("%s: exit %d\n%s", name, code, errs)
		}
	}
	if left, err := os.ReadDir(project); err != nil || len(left) > 0 {
		t.Errorf("a project was begun for a lab that is not there: %v, %v", left, err)
	}
}

func TestNamesThatCannotBePartOfANamespace(t *testing.T) {
	for _, name := range []string{"a/b", "..", "a.b", strings.Repeat("x", 60)} {
		var out, errs bytes.Buffer
		if code := run([]string{"k3sedge-lab", "--name", name, "status"}, &out, &errs); code == 0 {
			t.Errorf("%q is a lab's name: %s", name, out.String())
		}
	}
}

func TestThePromisesAreListed(t *testing.T) {
	code, out, _ := runLab(t, "verify", "--list")
	if code != 0 || !strings.Contains(out, "ports-from-outside: ") || !strings.Contains(out, "after-reboot/ports-from-outside: ") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code, _, errs := runLab(t, "probe", "nothing"); code != 1 || !strings.Contains(errs, "read the request") {
		t.Errorf("probe: exit %d\n%s", code, errs)
	}
	if code := run([]string{"k3sedge-lab", "probe", `{"targets":[{"address":"127.0.0.1","tcp":"x"}]}`}, &bytes.Buffer{}, &bytes.Buffer{}); code != 0 {
		t.Errorf("probe: exit %d", code)
	}
}
