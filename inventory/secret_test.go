package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const canary = "hunter2-canary"

func environment(name string) (string, bool) {
	value, ok := map[string]string{"TOKEN": canary, "EMPTY": ""}[name]
	return value, ok
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func secretFile(t *testing.T, content string, mode os.FileMode) SecretRef {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return SecretRef("file:" + path)
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for ref, want := range map[SecretRef]string{
		"env:TOKEN":                               canary,
		secretFile(t, canary, 0o600):              canary,
		secretFile(t, canary+"\n", 0o640):         canary,
		secretFile(t, canary+"\r\n", 0o400):       canary,
		secretFile(t, " "+canary+"\n\n", 0o600):   " " + canary + "\n",
		"cmd:echo " + canary:                      canary,
		"cmd:printf '\\n %s \\n' " + canary:       canary,
		"cmd:echo noise >&2; echo " + canary:      canary,
		"cmd:test $(echo a:b) = a:b && echo fine": "fine",
	} {
		got, err := ref.Resolve(t.Context(), environment)
		if err != nil || got.Reveal() != want {
			t.Errorf("%s is %q, %v, want %q", ref, got.Reveal(), err, want)
		}
	}
}

func TestResolveFails(t *testing.T) {
	t.Parallel()
	open := secretFile(t, canary, 0o644)
	empty := secretFile(t, "\n", 0o600)
	huge := secretFile(t, strings.Repeat("x", maxSecret+1), 0o600)
	for ref, want := range map[SecretRef]string{
		canary:             errNotRef.Error(),
		"":                 errNotRef.Error(),
		"env":              errNotRef.Error(),
		"vault:" + canary:  errNotRef.Error(),
		"env:":             errRefEmpty.Error(),
		"cmd: ":            errRefEmpty.Error(),
		"env:A-" + canary:  errEnvName.Error(),
		"env:OTHER":        "env:OTHER is not set",
		"env:EMPTY":        "env:EMPTY is empty",
		open:               string(open) + " may be read by everybody",
		empty:              string(empty) + " is empty",
		huge:               string(huge) + " cannot be read: read " + strings.TrimPrefix(string(huge), "file:") + ": is too large",
		"file:/no/such":    "file:/no/such cannot be read: stat /no/such: no such file or directory",
		"cmd:true":         "cmd:true is empty",
		"cmd:no-such-tool": "cmd:no-such-tool failed: exit 127: sh: 1: no-such-tool: not found",
		"cmd:exit 3":       "cmd:exit … failed: exit 3",
		"cmd:kill -9 $$":   "cmd:kill … failed: exit -1",
		"cmd:echo " + canary + "; echo got " + canary + " >&2; exit 4": "cmd:echo … failed: exit 4: got ***",
	} {
		got, err := ref.Resolve(t.Context(), environment)
		if err == nil || got != (Secret{}) {
			t.Errorf("%s is resolved", ref)
			continue
		}
		if ref != "cmd:no-such-tool" && err.Error() != want || !strings.HasPrefix(err.Error(), strings.SplitAfter(want, "exit 127")[0]) {
			t.Errorf("%s: %v, want %s", ref, err, want)
		}
		if strings.Contains(err.Error(), canary) || strings.Contains(hintOf(err), canary) {
			t.Errorf("%s: the error shows the secret: %v (%s)", ref, err, hintOf(err))
		}
		if hintOf(err) == "" {
			t.Errorf("%s: %v has no hint", ref, err)
		}
	}
}

func TestResolveKeepsWhatTheCommandSaid(t *testing.T) {
	t.Parallel()
	_, err := SecretRef("cmd:echo first >&2; echo last >&2; exit 5").Resolve(t.Context(), environment)
	var failed *CommandError
	if !errors.As(err, &failed) || failed.Code != 5 || failed.Stderr != "first\nlast\n" {
		t.Errorf("error is %#v, want exit 5 and all of stderr", failed)
	}
	_, err = SecretRef("file:/no/such").Resolve(t.Context(), environment)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

// A command that hangs, even in a child that keeps its output open, ends with
// the context. It runs out the test's time limit where it does not.
func TestResolveCancelled(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("asked to stop")
	opened := make(chan *os.File, 1)
	go func() {
		// This waits for the child to read, which then waits for us.
		file, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
		}
		cancel(cause)
		opened <- file
	}()
	_, err := SecretRef("cmd:cat "+fifo+" & wait").Resolve(ctx, environment)
	if !errors.Is(err, cause) {
		t.Errorf("resolve: %v, want %v", err, cause)
	}
	if err := (<-opened).Close(); err != nil { // ends the child
		t.Error(err)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := struct{ S Secret }{NewSecret(canary)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		if out := fmt.Sprintf(verb, s); strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s prints %s", verb, out)
		}
	}
	data, err := json.Marshal(s)
	if err != nil || string(data) != `{"S":"***"}` {
		t.Errorf("json is %s, %v", data, err)
	}
	if s.S.String() != "***" || s.S.GoString() != "***" || fmt.Sprint(s.S) != "***" {
		t.Error("it prints something else than ***")
	}
}
