package style

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bad breaks each rule once; the checks have to find it all.
const bad = `package bad

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

var counter = 1

type Thing struct{}

func (Thing) Do() {}

const Limit = 3

func init() { os.Exit(1) }

func deep(a, b bool, err error) error {
	for range 3 {
		if a {
			switch {
			case b && a:
				if a || b { panic("no") }
			}
		}
	}
	if strings.Contains(err.Error(), "x") { return nil }
	_ = ssh.Dial
	return fmt.Errorf("do: %v", err) //` + `nolint
}
`

func parseBad(t *testing.T, path string) File {
	t.Helper()
	root := t.TempDir()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := Load(root)
	if err != nil || len(files) != 1 {
		t.Fatalf("load: %d files, %v", len(files), err)
	}
	return files[0]
}

func TestRulesFindWhatIsBad(t *testing.T) {
	t.Parallel()
	f := parseBad(t, "hardening/bad.go")
	for name, tc := range map[string]struct {
		got  []string
		want []string
	}{
		"undocumented": {Undocumented(f), []string{"Thing", "Do", "Limit"}},
		"variables":    {MutableVars(f), []string{"counter"}},
		"imports":      {WrongImports(f), []string{"crypto/ssh"}},
		"banned": {Banned(f), []string{
			"init()", "os.Exit outside cmd", "panic", "error's text", "drops an error's cause", "nolint",
		}},
	} {
		all := strings.Join(tc.got, "\n")
		if len(tc.got) != len(tc.want) {
			t.Errorf("%s: %d findings, want %d:\n%s", name, len(tc.got), len(tc.want), all)
		}
		for _, w := range tc.want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q not found in:\n%s", name, w, all)
			}
		}
	}
}

func TestMeasures(t *testing.T) {
	t.Parallel()
	f := parseBad(t, "x/bad.go")
	for _, fn := range f.Functions() {
		if fn.Name.Name != "deep" {
			continue
		}
		if got := Cyclomatic(fn); got != 8 {
			t.Errorf("cyclomatic: %d, want 8", got)
		}
		if got := Nesting(fn); got != 4 {
			t.Errorf("nesting: %d, want 4", got)
		}
		if params, results := Parameters(fn.Type); params != 3 || results != 1 {
			t.Errorf("%d parameters and %d results, want 3 and 1", params, results)
		}
	}
}

func TestArrows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dir, imports string
		test, wrong  bool
	}{
		{"hardening", Module + "/provision", false, true},
		{"hardening", Module + "/provision/machine", false, false},
		{"hardening", Module + "/provision/machine/ssh", false, true},
		{"cmd/internal/cli", Module + "/provision/machine/ssh", false, false},
		{"hardening/node", Module + "/hardening", false, true},
		{"inventory", Module + "/provision/machine", false, true},
		{"provision", Module + "/testinfra/fakepve", false, true},
		{"provision", Module + "/testinfra/fakepve", true, false},
		{"testinfra/lab", Module + "/cmd/internal/cli", false, true},
		{"nowhere", Module + "/inventory", false, true},
	} {
		f := File{Path: tc.dir + "/x.go", Test: tc.test}
		if why := wrongImport(f, tc.imports); (why != "") != tc.wrong {
			t.Errorf("%s imports %s: wrong=%v (%s), want %v", tc.dir, tc.imports, why != "", why, tc.wrong)
		}
	}
}
