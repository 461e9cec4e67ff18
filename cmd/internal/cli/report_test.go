package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

func events() []converge.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	step := func(kind converge.Kind, elapsed time.Duration) converge.Event {
		return converge.Event{Time: at.Add(elapsed), Kind: kind, Stage: "machines", Subject: "edge-1", Step: "machine/started", Elapsed: elapsed}
	}
	waiting := step(converge.StepWaiting, 31*time.Second)
	waiting.Message, waiting.Cause = "SSH: no route", "the address is wrong"
	again := step(converge.StepWaiting, 32*time.Second)
	again.Message = waiting.Message
	changing := step(converge.StepChanging, time.Second)
	changing.Changes = []converge.Change{{ID: "power", Have: "stopped", Want: "running"}, {ID: "iso", Want: "attached"}}
	failed := step(converge.StepFailed, 65*time.Second)
	failed.Err = machine.WithHint(errors.New("no route"), "look at nodes[0].address")
	return []converge.Event{
		{Time: at, Kind: converge.StageStarted, Stage: "machines"},
		step(converge.StepStarted, 0), changing, waiting, again, failed,
		{Time: at, Kind: converge.StageFinished, Stage: "machines", Elapsed: time.Minute},
	}
}

func TestPlainReporterTellsEachThingOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newPlainReporter(&out)
	for _, e := range events() {
		r.Report(e)
	}
	want := `machines
  edge-1: machine/started: changing power, iso
  edge-1: machine/started: waiting 31s for SSH: no route; likely: the address is wrong
  edge-1: machine/started: failed after 1m05s
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestPlainReporterIsNotSilentForLong(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newPlainReporter(&out)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 30 {
		r.Report(converge.Event{Time: start.Add(time.Duration(i) * time.Second), Kind: converge.StepWaiting, Step: "s", Message: "m"})
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines in 30 s of one wait, want one each 10 s:\n%s", n, out.String())
	}
}

func TestJSONReporterWritesAnObjectALine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newJSONReporter(&out)
	for _, e := range events() {
		r.Report(e)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(events()) {
		t.Fatalf("%d lines for %d events", len(lines), len(events()))
	}
	var failed jsonEvent
	if err := json.Unmarshal([]byte(lines[5]), &failed); err != nil {
		t.Fatal(err)
	}
	if failed.Kind != converge.StepFailed || failed.Error != "no route" || failed.Hint != "look at nodes[0].address" || failed.Seconds != 65 {
		t.Errorf("the failure reads %+v", failed)
	}
}

func TestLiveReporterLeavesNoMovingLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newLiveReporter(&out, func() int { return 60 })
	for _, e := range events()[:4] {
		r.Report(e)
	}
	r.mu.Lock()
	r.draw("")
	line := r.line(r.running[0])
	r.mu.Unlock()
	if !strings.Contains(line, "SSH: no route") || len([]rune(line)) > 59 {
		t.Errorf("moving line %q: has to tell what it waits for and fit into the terminal", line)
	}
	r.Close()
	last := out.String()[strings.LastIndex(out.String(), "\x1b[J"):]
	if strings.Contains(last, "SSH: no route") {
		t.Errorf("a moving line is left after Close: %q", last)
	}
	if !strings.Contains(out.String(), "changing power, iso") {
		t.Errorf("what was changed is not told: %q", out.String())
	}
}

// TestLiveReporterLeavesTheWordsOfOthers is Ctrl-C and the question for a
// passphrase while lines move.
func TestLiveReporterLeavesTheWordsOfOthers(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	s := testStreams(&out, &errs)
	s.Width = func() int { return 60 }
	s.Err = s.screen()
	r, err := openReport(s, "text", "")
	if err != nil {
		t.Fatal(err)
	}
	all := events()
	r.Report(all[0])
	r.Report(all[1])
	const wiped = "\x1b[1A\r\x1b[J"
	fmt.Fprintln(s.Err, "finishing this step")
	fmt.Fprint(s.Err, "passphrase: ")
	r.Report(all[2])
	r.live.mu.Lock()
	asked := errs.String()
	r.live.mu.Unlock()
	if !strings.Contains(asked, wiped+"finishing this step\n") || !strings.HasSuffix(asked, wiped+"passphrase: ") {
		t.Errorf("in the middle: %q", asked)
	}
	fmt.Fprintln(s.Err)
	r.close()
	fmt.Fprint(s.Err, "the end")
	rest := strings.TrimPrefix(errs.String(), asked)
	if !strings.HasPrefix(rest, "\n") || !strings.Contains(rest, "changing power, iso") || !strings.HasSuffix(rest, wiped+"the end") {
		t.Errorf("afterwards: %q", rest)
	}
}

func TestRunReportKeepsTheEvents(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	dir := stateDir(t.TempDir())
	r, err := openReport(testStreams(&out, &errs), "text", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events() {
		r.Report(e)
	}
	r.close()
	if got := r.times(); len(got) != 1 || got[0] != (stageTime{"machines", 60}) {
		t.Errorf("times %v", got)
	}
	kept := readFile(t, dir.path("run.jsonl"))
	if n := strings.Count(kept, "\n"); n != len(events()) {
		t.Errorf("%d events kept of %d", n, len(events()))
	}
}

func TestAPlanTellsEveryDifference(t *testing.T) {
	t.Parallel()
	e := events()[2]
	e.Kind = converge.StepDiffers
	const want = `edge-1: machine/started: 2 differences
      power is stopped, wanted running
      iso is nothing, wanted attached`
	if got := describe(e); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		340 * time.Millisecond: "0.3s", 12 * time.Second: "12s", 185 * time.Second: "3m05s",
	} {
		if got := seconds(d); got != want {
			t.Errorf("%v reads %s, want %s", d, got, want)
		}
	}
}
