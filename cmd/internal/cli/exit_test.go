package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

func testStreams(out, errs io.Writer) Streams {
	return Streams{
		In: strings.NewReader(""), Out: out, Err: errs,
		Getenv: func(string) (string, bool) { return "", false },
		Now:    func() time.Time { return time.Date(2026, 11, 30, 1, 5, 0, 0, time.UTC) },
		Width:  func() int { return 0 },
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"none":               {nil, exitOK},
		"failure":            {boom, exitFailed},
		"usage":              {fmt.Errorf("up: %w", usagef("hint", "no such flag")), exitUsage},
		"configuration":      {inventory.Problems{{File: "k3sedge.yaml", Line: 1, Message: "bad"}}, exitUsage},
		"findings":           {outcome(exitFindings), exitFindings},
		"could not look":     {couldNotLook{boom}, exitUnknown},
		"hinted and wrapped": {machine.WithHint(fmt.Errorf("x: %w", couldNotLook{boom}), "h"), exitUnknown},
	} {
		if got := codeOf(tc.err); got != tc.want {
			t.Errorf("%s: exit %d, want %d", name, got, tc.want)
		}
	}
}

func TestPrintErrorGivesEachFailureItsHint(t *testing.T) {
	t.Parallel()
	one := machine.WithHint(errors.New("edge-1: refused"), "start sshd")
	two := errors.New("edge-2: broken")
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"joined": {errors.Join(one, two), "error: edge-1: refused\nhint: start sshd\nerror: edge-2: broken\n"},
		"single": {fmt.Errorf("machines: %w", one), "error: machines: edge-1: refused\nhint: start sshd\n"},
		"set back": {
			&converge.StepError{Subject: "edge-1", Step: "harden", Err: fmt.Errorf("%w: port", converge.ErrNotConverged)},
			"error: edge-1: harden: applied, but it still differs: port\nhint: something else sets it back, such as another tool that configures the machine; stop that, and run the same command again\n",
		},
		"outcome": {outcome(exitFindings), ""},
		"problem": {inventory.Problems{{File: "k3sedge.yaml", Line: 3, Path: "nodes[0].name", Message: "is empty", Hint: "give it one"}}, "error: k3sedge.yaml:3: nodes[0].name: is empty\nhint: give it one\n"},
	} {
		var out bytes.Buffer
		printError(&out, tc.err)
		if out.String() != tc.want {
			t.Errorf("%s: got\n%swant\n%s", name, out.String(), tc.want)
		}
	}
}

func TestPlanOutcome(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		result converge.Result
		code   int
		says   string
	}{
		{converge.Result{Holds: 9}, exitOK, "no changes: 9 steps hold\n"},
		{converge.Result{Holds: 1}, exitOK, "no changes: 1 step holds\n"},
		{converge.Result{Holds: 2, Differs: 1, Pending: 1}, exitFindings, "1 step would change something, 1 comes after that, 2 hold; k3sedge up does it\n"},
		{converge.Result{Differs: 3, Pending: 40}, exitFindings, "3 steps would change something, 40 come after that, 0 hold; k3sedge up does it\n"},
		{converge.Result{Holds: 1, Differs: 2, Unknown: 1}, exitFindings, "2 steps would change something, 1 holds, 1 could not be looked at; k3sedge up does it\n"},
		{converge.Result{Holds: 1, Unknown: 2}, exitUnknown, "2 steps could not be looked at, 1 holds\n"},
		{converge.Result{Unknown: 1}, exitUnknown, "1 step could not be looked at, 0 hold\n"},
	} {
		var errs bytes.Buffer
		err := planOutcome(testStreams(io.Discard, &errs), tc.result)
		if codeOf(err) != tc.code || errs.String() != tc.says {
			t.Errorf("%+v: exit %d, %q", tc.result, codeOf(err), errs.String())
		}
	}
}

func TestLockIsHeldOnceAndNamesItsHolder(t *testing.T) {
	t.Parallel()
	dir := stateDirOf(t.TempDir() + "/k3sedge.yaml")
	release, err := dir.lock("up")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.lock("harden"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("k3sedge up, process %d", os.Getpid())) {
		t.Errorf("the second run is told: %v", err)
	}
	release()
	again, err := dir.lock("harden")
	if err != nil {
		t.Fatalf("after the first run ended: %v", err)
	}
	again()
}

func TestFlagsMayFollowArguments(t *testing.T) {
	t.Parallel()
	app := newApp(testStreams(io.Discard, io.Discard))
	for in, want := range map[string]string{
		"k3sedge trust edge-1 --file x.yaml":             "k3sedge trust --file x.yaml edge-1",
		"k3sedge trust edge-1 -f x.yaml --fingerprint=S": "k3sedge trust -f x.yaml --fingerprint=S edge-1",
		"k3sedge trust -- --file":                        "k3sedge trust -- --file",
		"k3sedge down --yes":                             "k3sedge down --yes",
		"k3sedge --help":                                 "k3sedge --help",
	} {
		if got := strings.Join(flagsFirst(app, strings.Fields(in)), " "); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
