package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// call runs the command line as ssh would.
func call(t *testing.T, w *world, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(t.Context(), w.host(), args, Streams{In: strings.NewReader(in), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := everything("tx2")
	for i, c := range []struct {
		in   string
		args []string
		code int
		out  string
		errs string
	}{
		{"", nil, ExitUsage, "", "usage:"},
		{"", []string{"help"}, ExitUsage, "", "usage:"},
		{"", []string{"facts"}, ExitUsage, "", "standard input"},
		{`{"surprise":1}`, []string{"facts"}, ExitUsage, "", "surprise"},
		{`{} {}`, []string{"facts"}, ExitUsage, "", "more than one document"},
		{`{}`, []string{"apply"}, ExitFailed, "", "nothing was changed"},
		{"", []string{"confirm"}, ExitUsage, "", "usage:"},
		{"", []string{"confirm", "tx1"}, facts.ExitNotPending, "", "nothing waits"},
		{asJSON(t, everything("tx1")), []string{"apply"}, ExitOK, `{"id":"tx1","deadline":1800000060}` + "\n", ""},
		{asJSON(t, other), []string{"apply"}, facts.ExitPending, "", "tx1 goes back at 2027-01-15T08:01:00Z"},
		{"", []string{"rollback", "tx2"}, facts.ExitNotPending, "", "tx1 is"},
		{"", []string{"rollback", "tx1"}, ExitOK, `{"id":"tx1","result":"rolled back","at":1800000000}` + "\n", ""},
		{"", []string{"confirm", "tx1"}, facts.ExitNotPending, "", "rolled back at"},
		{"", []string{"rollback", "--boot"}, ExitOK, `{"id":"","result":"nothing changed","at":0}` + "\n", ""},
		{asJSON(t, other), []string{"apply"}, ExitOK, `{"id":"tx2","deadline":1800000060}` + "\n", ""},
		{"", []string{"confirm", "tx2"}, ExitOK, `{"id":"tx2","result":"confirmed","at":1800000000}` + "\n", ""},
		{"", []string{"rollback", "nobody"}, ExitFailed, "", "roll back nobody"},
	} {
		code, out, errs := call(t, w, c.in, c.args...)
		if code != c.code || out != c.out || !strings.Contains(errs, c.errs) || (errs == "") != (code == ExitOK) {
			t.Errorf("%d %v: exit %d, out %q, err %q", i, c.args, code, out, errs)
		}
	}
}

func TestFactsCommandIsOneDocument(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	code, out, errs := call(t, w, asJSON(t, r), "facts")
	var f facts.Facts
	if err := json.Unmarshal([]byte(out), &f); code != ExitOK || err != nil || errs != "" {
		t.Fatalf("exit %d, %v, %s", code, err, errs)
	}
	if f.Version != facts.Version || len(f.Units) == 0 {
		t.Errorf("facts: %+v", f)
	}
}

// A closed terminal ends a look, and never the way back.
func TestRollbackGoesOnWhenTheTerminalIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	mustApply(t, w.host(), everything("tx1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := Main(ctx, w.host(), []string{"rollback", "tx1"}, Streams{Out: &out, Err: &errs}); code != ExitOK {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	w.same(t, before)
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	out, err := programs{}.Run(t.Context(), Command{Argv: []string{"/bin/sh", "-c", "cat; echo $LC_ALL"}, Stdin: "in "})
	if err != nil || out != "in C\n" {
		t.Errorf("out %q, %v", out, err)
	}
	_, err = programs{}.Run(t.Context(), command("/bin/sh", "-c", "echo out; echo err >&2; exit 3"))
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != 3 || exit.stdout != "out\n" || !strings.HasSuffix(exit.Error(), "exit 3: err") {
		t.Errorf("error: %v", err)
	}
	if _, err = (programs{}).Run(t.Context(), command("/nowhere/x")); err == nil || errors.As(err, &exit) {
		t.Errorf("a program that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = (programs{}).Run(ctx, command("/bin/sleep", "60")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
