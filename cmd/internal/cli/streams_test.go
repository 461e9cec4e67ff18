package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// TestWordsAfterAQuestion begin in a line of their own, others go on as they are.
func TestWordsAfterAQuestion(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]string{"": "told\n", "go on? ": "go on? \ntold\n", "line\n": "line\ntold\n", "line\ngo on? ": "line\ngo on? \ntold\n"} {
		var out bytes.Buffer
		s := testStreams(nil, &out)
		s.Err = s.screen()
		if before != "" {
			fmt.Fprint(s.Err, before)
		}
		s.screen().endLine()
		fmt.Fprintln(s.Err, "told")
		if out.String() != want {
			t.Errorf("%q: %q", before, out.String())
		}
	}
}

// TestAMachineDoesNotSteerTheTerminal, whatever it says of itself.
func TestAMachineDoesNotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	const hostile = "mode \x1b]0;mine\a\x1b[2J\r\u009b31m\u202e, ünï\tcode"
	const tamed = "mode �]0;mine��[2J��31m�, ünï\tcode"
	var told bytes.Buffer
	s := testStreams(nil, &told)
	s.Err = s.screen()
	printError(s.Err, errors.New(hostile))
	if told.String() != "error: "+tamed+"\n" {
		t.Errorf("an error: %q", told.String())
	}
	var rule bytes.Buffer
	d := firewall.Decision{Verdict: firewall.Accepted, Chain: "input", Text: hostile, Why: hostile}
	if err := tellDecision(Streams{Out: &rule}, "edge-1", d); err != nil || strings.Count(rule.String(), tamed) != 2 {
		t.Errorf("a rule: %v, %q", err, rule.String())
	}
	if row := firewallRow(hardening.Path{}, d); !strings.Contains(row, tamed) {
		t.Errorf("a path: %q", row)
	}
	var live bytes.Buffer
	r := newLiveReporter(&live, func() int { return 200 })
	e := converge.Event{Step: "s", Kind: converge.StepStarted}
	r.Report(e)
	e.Kind, e.Message, e.Cause = converge.StepWaiting, hostile, hostile
	r.Report(e)
	e.Kind, e.Changes = converge.StepDiffers, []converge.Change{{ID: "SSH-01", Have: hostile}}
	r.Report(e)
	r.Close()
	if out := live.String(); !strings.Contains(out, "SSH-01 is "+tamed) || strings.ContainsAny(out, "\a\u009b\u202e") || strings.Contains(out, "\x1b]") {
		t.Errorf("progress: %q", out)
	}
}
