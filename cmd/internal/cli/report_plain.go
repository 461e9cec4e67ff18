package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// plainReporter writes one line an event, for logs and pipes.
type plainReporter struct {
	w io.Writer

	mu      sync.Mutex
	waiting map[string]waitLine // by subject and step
}

type waitLine struct {
	text string
	at   time.Time
}

// repeatWait is how often an unchanged wait is told again, so that a log
// never stays silent for long.
const repeatWait = 10 * time.Second

func newPlainReporter(w io.Writer) *plainReporter {
	return &plainReporter{w: w, waiting: map[string]waitLine{}}
}

// Report writes the event's line, if it is worth one.
func (r *plainReporter) Report(e converge.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case converge.StageStarted:
		fmt.Fprintf(r.w, "%s\n", e.Stage)
	case converge.StepWaiting:
		key := e.Subject + "/" + e.Step
		last := r.waiting[key]
		if last.text == e.Message && e.Time.Sub(last.at) < repeatWait {
			return
		}
		r.waiting[key] = waitLine{e.Message, e.Time}
		fmt.Fprintf(r.w, "  %s\n", describe(e))
	case converge.StepDiffers, converge.StepChanging, converge.StepChanged, converge.StepHolds, converge.StepUnknown, converge.StepPending, converge.StepFailed:
		fmt.Fprintf(r.w, "  %s\n", describe(e))
	}
}

// describe is an event in one line.
func describe(e converge.Event) string {
	head := e.Step
	if e.Subject != "" {
		head = e.Subject + ": " + e.Step
	}
	switch e.Kind {
	case converge.StepWaiting:
		s := fmt.Sprintf("%s: waiting %s for %s", head, seconds(e.Elapsed), e.Message)
		if e.Cause != "" {
			s += "; likely: " + e.Cause
		}
		return s
	case converge.StepDiffers:
		return head + ": " + changesText(e.Changes)
	case converge.StepChanging:
		return head + ": " + changingText(e.Changes)
	case converge.StepChanged:
		return fmt.Sprintf("%s: done in %s", head, seconds(e.Elapsed))
	case converge.StepHolds:
		return head + ": ok"
	case converge.StepPending:
		return head + ": after the changes above"
	case converge.StepUnknown:
		return fmt.Sprintf("%s: could not look: %v", head, e.Err)
	case converge.StepFailed:
		return fmt.Sprintf("%s: failed after %s", head, seconds(e.Elapsed))
	}
	return head
}

// changesText tells one change in the line, and several in a line each.
func changesText(changes []converge.Change) string {
	if len(changes) == 1 {
		return changeText(changes[0])
	}
	lines := []string{fmt.Sprintf("%d differences", len(changes))}
	for _, c := range changes {
		lines = append(lines, changeText(c))
	}
	return strings.Join(lines, "\n      ")
}

// changingText is short: a plan and the report have the details.
func changingText(changes []converge.Change) string {
	if len(changes) == 1 {
		return changeText(changes[0])
	}
	ids := make([]string, len(changes))
	for i, c := range changes {
		ids[i] = c.ID
	}
	return fmt.Sprintf("changing %s", strings.Join(ids, ", "))
}

func changeText(c converge.Change) string {
	return fmt.Sprintf("%s is %s, wanted %s", c.ID, orNothing(c.Have), orNothing(c.Want))
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// seconds shows a duration as people read it: 0.3s, 12s, 3m05s.
func seconds(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}
