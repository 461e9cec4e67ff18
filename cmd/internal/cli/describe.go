package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// describe is an event in one line.
func describe(e converge.Event) string {
	head := heading(e)
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
		return head + ": could not look" // why is told at the end
	case converge.StepFailed:
		return fmt.Sprintf("%s: failed after %s", head, seconds(e.Elapsed))
	}
	return head
}

// heading is whose step it is.
func heading(e converge.Event) string {
	if e.Subject == "" {
		return e.Step
	}
	return e.Subject + ": " + e.Step
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
