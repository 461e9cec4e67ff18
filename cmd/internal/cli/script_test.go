package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/k3sedge/k3sedge/hardening/agent"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestScripts runs sessions with k3sedge as a user types them. What a script
// has beside testscript's own commands is in scriptCommands.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Setup:               setUp,
		Cmds:                scriptCommands(),
		Condition:           condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

func setUp(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("K3SEDGE_PVE_TOKEN", canary)
	env.Setenv("CANARY", canary)
	env.Setenv("SSH_AUTH_SOCK", "")
	w := &world{t: env.T().(testing.TB), dir: env.WorkDir}
	env.Values[worldKey{}] = w
	env.Defer(func() { w.refuseSecrets() })
	return os.MkdirAll(home, 0o700)
}

// world is what stands around one script.
type world struct {
	t    testing.TB
	dir  string
	pve  *proxmoxHost
	node *sshNode
	kube *kubeHost
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

// refuseSecrets looks into every file that k3sedge wrote.
func (w *world) refuseSecrets() {
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, ".k3sedge") && !strings.HasSuffix(path, ".out") {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(canary)) || bytes.Contains(data, []byte("PRIVATE KEY")) {
			w.t.Errorf("a secret is in %s", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		w.t.Errorf("look for secrets: %v", err)
	}
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "agent": // whether `make agents` was run
		_, err := agent.Embedded{}.For("amd64")
		return err == nil, nil
	}
	return false, fmt.Errorf("no condition %s", name)
}

func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"code":      code,
		"jsonlines": jsonLines,
		"replace":   replace,
		"pve":       pveCommand,
		"sshd":      sshdCommand,
		"kube":      kubeCommand,
	}
}

// code N ARG… runs a program and wants exit code N. Of k3sedge it also wants
// a hint with every error that the user can mend.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	stderr := ts.ReadFile("stderr")
	if want == exitOK && strings.Contains(stderr, "error:") {
		ts.Fatalf("exit code 0, and an error is shown")
	}
	if want >= exitUsage && strings.Contains(stderr, "error:") && !strings.Contains(stderr, "hint:") {
		ts.Fatalf("an error without a hint")
	}
}

// jsonlines FILE wants one JSON object in each line of a file, and at least one.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jsonlines FILE")
	}
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0])))
	n := 0
	for ; lines.Scan(); n++ {
		var object map[string]any
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			ts.Fatalf("%s: line %d is no JSON object: %v", args[0], n+1, err)
		}
	}
	ts.Check(lines.Err())
	if n == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
}

// replace OLD NEW FILE changes a file that has OLD once.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace OLD NEW FILE")
	}
	unescape := strings.NewReplacer(`\n`, "\n")
	text, from := ts.ReadFile(args[2]), unescape.Replace(args[0])
	if strings.Count(text, from) != 1 {
		ts.Fatalf("%s has %q %d times", args[2], from, strings.Count(text, from))
	}
	text = strings.Replace(text, from, unescape.Replace(args[1]), 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
}
