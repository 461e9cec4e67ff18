package cli

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// gone is how two nodes tell of the same server: one in the middle of a
// request, one when it tries to connect.
func gone(state machine.State, cause error) error {
	return machine.WithHint(fmt.Errorf("reach Proxmox at %w", &machine.UnreachableError{Address: "10.0.0.3:8006", State: state, Err: cause}), "is Proxmox up?")
}

func TestTroubleIsToldOnce(t *testing.T) {
	t.Parallel()
	lost, refused := gone(machine.Lost, errors.New("EOF")), gone(machine.Refused, syscall.ECONNREFUSED)
	full := func(vmid int) error {
		return fmt.Errorf("resize VM %d: %w", vmid, machine.WithHint(fmt.Errorf("task resize %d failed: no space", vmid), "make room"))
	}
	at := func(node string, err error) error { return &converge.StepError{Subject: node, Err: err} }
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"one cause at two nodes": {errors.Join(at("edge-1", fmt.Errorf("create VM 9000: %w", lost)), at("edge-2", refused)),
			"error: reach Proxmox at 10.0.0.3:8006: connection lost: EOF\n  edge-1\n  edge-2\nhint: is Proxmox up?\n"},
		"one node": {at("edge-1", lost), "error: edge-1: reach Proxmox at 10.0.0.3:8006: connection lost: EOF\nhint: is Proxmox up?\n"},
		"the same remedy": {errors.Join(at("edge-1", full(9000)), at("edge-2", full(9001))),
			"error: edge-1: resize VM 9000: task resize 9000 failed: no space\nerror: edge-2: resize VM 9001: task resize 9001 failed: no space\nhint: make room\n"},
		"two remedies":             {errors.Join(at("edge-1", full(9000)), at("edge-2", lost)), "error: edge-1: resize VM 9000: task resize 9000 failed: no space\nhint: make room\nerror: edge-2: reach Proxmox at 10.0.0.3:8006: connection lost: EOF\nhint: is Proxmox up?\n"},
		"joins in joins":           {couldNotLook{errors.Join(errors.Join(lost), errors.Join(lost, lost))}, "error: reach Proxmox at 10.0.0.3:8006: connection lost: EOF\nhint: is Proxmox up?\n"},
		"two errors in a sentence": {at("edge-1", fmt.Errorf("%w: %w", errors.New("not proven"), lost)), "error: edge-1: not proven: reach Proxmox at 10.0.0.3:8006: connection lost: EOF\nhint: is Proxmox up?\n"},
		"a hint for all of them":   {machine.WithHint(errors.Join(errors.New("a"), lost, errors.New("b")), "again"), "error: a\nhint: again\nerror: reach Proxmox at 10.0.0.3:8006: connection lost: EOF\nhint: is Proxmox up?\nerror: b\nhint: again\n"},
		"words before all of them": {at("edge-1", errors.Join(errors.New("a"), errors.New("b"))), "error: edge-1: a\nerror: edge-1: b\n"},
		"stopped at every node": {halted{errors.Join(converge.ErrStopped, converge.ErrStopped), nil, "k3sedge up"},
			"error: stopped between two steps, as asked\nhint: what was done stands; k3sedge up goes on from here\n"},
		"halted": {halted{errors.Join(at("edge-1", errors.New("boom")), at("edge-2", lost)), []string{"edge-1 up to machine/disk", "edge-2 up to machine/seed"}, "k3sedge up"},
			"error: edge-1: boom\nerror: edge-2: reach Proxmox at 10.0.0.3:8006: connection lost: EOF\nhint: is Proxmox up?\nhint: what was done stands (edge-1 up to machine/disk, edge-2 up to machine/seed); k3sedge up goes on from here\n"},
	} {
		var out bytes.Buffer
		printError(&out, tc.err)
		if out.String() != tc.want {
			t.Errorf("%s: got\n%swant\n%s", name, out.String(), tc.want)
		}
	}
}

// TestAPlanGivesEveryGapItsHint: exit code 4 without a hint helps nobody.
func TestAPlanGivesEveryGapItsHint(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	r, err := openReport(testStreams(&out, &errs), "text", "")
	if err != nil {
		t.Fatal(err)
	}
	away := gone(machine.Timeout, errors.New("no answer"))
	r.Report(converge.Event{Kind: converge.StepUnknown, Stage: "s", Subject: "edge-3", Step: "harden", Err: machine.WithHint(errors.New("boom"), "look")})
	for _, step := range []string{"machine/ready", "harden"} {
		r.Report(converge.Event{Kind: converge.StepUnknown, Stage: "s", Subject: "edge-1", Step: step, Err: fmt.Errorf("ask: %w", away)})
	}
	r.Report(converge.Event{Kind: converge.StepPending, Stage: "s", Subject: "edge-2", Step: "harden", Err: away})
	printError(&errs, r.notSeen())
	const want = `  edge-3: harden: could not look
  edge-1: machine/ready: could not look
  edge-1: harden: could not look
  edge-2: harden: after the changes above
error: reach Proxmox at 10.0.0.3:8006: no answer: no answer
  edge-1: machine/ready
  edge-1: harden
hint: is Proxmox up?
error: edge-3: harden: boom
hint: look
`
	if errs.String() != want {
		t.Errorf("got\n%s\nwant\n%s", errs.String(), want)
	}
}
