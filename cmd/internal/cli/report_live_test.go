package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

func TestLiveReporterMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := newLiveReporter(&out, func() int { return 78 })
		r.Report(converge.Event{Time: time.Now(), Kind: converge.StepStarted, Subject: "edge-1", Step: "machine/ready"})
		r.Report(converge.Event{Kind: converge.StepWaiting, Subject: "edge-1", Step: "machine/ready", Message: "SSH: refused", Cause: "it boots"})
		r.Report(converge.Event{Kind: converge.StepWaiting, Subject: "edge-2", Step: "machine/ready", Message: "nobody asked for this"})
		time.Sleep(12 * time.Second)
		r.Close()
		for _, want := range []string{"⠋", "⠏", " 0.5s", " 12s", "  SSH: refused; likely: it boots"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in %.600q", want, out.String())
			}
		}
		if strings.Contains(out.String(), "nobody asked") {
			t.Error("a step that does not run is shown as waiting")
		}
		if !strings.HasSuffix(out.String(), "\x1b[1A\r\x1b[J") {
			t.Errorf("a moving line is left: %q", out.String()[max(0, out.Len()-80):])
		}
	})
}

// TestAMovingLineIsOneLine: as many are wiped as were drawn.
func TestAMovingLineIsOneLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := newLiveReporter(&out, func() int { return 78 })
		r.Report(converge.Event{Time: time.Now(), Kind: converge.StepStarted, Step: "s"})
		r.Report(converge.Event{Kind: converge.StepWaiting, Step: "s", Message: "task failed\n  its log", Cause: "\nfull disk\nno more"})
		time.Sleep(time.Second)
		r.Close()
		if !strings.Contains(out.String(), "s 0.5s  task failed; likely: full disk\n") || strings.Contains(out.String(), "log") {
			t.Errorf("%.600q", out.String())
		}
	})
}

func TestLiveReporterMarksHowAStepEnded(t *testing.T) {
	t.Parallel()
	for kind, want := range map[converge.Kind]string{
		converge.StepHolds: "\x1b[32m✓", converge.StepChanged: "\x1b[32m✓", converge.StepFailed: "\x1b[31m✗",
		converge.StepUnknown: "\x1b[33m?", converge.StepPending: "\x1b[33m…", converge.StepDiffers: "\x1b[33m~",
	} {
		var out bytes.Buffer
		r := newLiveReporter(&out, func() int { return 0 })
		r.Report(converge.Event{Kind: converge.StepStarted, Step: "s"})
		r.Report(converge.Event{Kind: kind, Step: "s", Err: errNoAnswer})
		r.Close()
		if !strings.Contains(out.String(), "  "+want+"\x1b[0m s") {
			t.Errorf("%s: %q", kind, out.String())
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text  string
		width int
		want  string
	}{{"édge", 4, "édge"}, {"édge-1", 4, "édg…"}, {"edge", -1, "edge"}, {"edge", 1, "edge"}, {"", 5, ""}} {
		if got := cut(tc.text, tc.width); got != tc.want {
			t.Errorf("%q in %d columns: %q, want %q", tc.text, tc.width, got, tc.want)
		}
	}
}
