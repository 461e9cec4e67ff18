package hardening

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Rescuer reaches a host past its network, by what it runs on.
type Rescuer interface {
	// Keep keeps the host as it is now, unless an earlier state is kept
	// already, and says what leads back to it.
	Keep(ctx context.Context) (wayBack string, err error)
	// Drop forgets what Keep has kept.
	Drop(ctx context.Context) error
	// Exec runs a command as root inside the host. One that ends with another
	// code than 0 is a *machine.ExitError.
	Exec(ctx context.Context, argv ...string) (machine.Output, error)
}

// lastChange says how the host's last change ended: one that nobody confirmed,
// because its client died or lost its way, is told by the next run.
func lastChange(last *facts.Outcome) string {
	if last == nil {
		return ""
	}
	said := fmt.Sprintf("; the last change, %s, was %s at %s", last.ID, last.Result, time.Unix(last.At, 0).UTC().Format(time.RFC3339))
	if len(last.Notes) > 0 {
		said += " (but: " + strings.Join(last.Notes, "; ") + ")"
	}
	return said
}

// keep has the host kept as it is before its first change. That this is not
// possible is told and holds up nothing: the host has a way back of its own.
func (t transact) keep(ctx context.Context, last *facts.Outcome) (wayBack string) {
	if t.policy.Rescue == nil || last != nil && last.Result == facts.Confirmed {
		return ""
	}
	converge.Waiting(ctx, "the machine to be kept as it is before its first hardening", "")
	wayBack, err := t.policy.Rescue.Keep(ctx)
	if err != nil {
		converge.Waiting(ctx, "the machine could not be kept as it is; it still goes back by itself", err.Error())
		return ""
	}
	return wayBack
}

// drop gives up what keep has kept, when the change is proven to be sound.
func (t transact) drop(ctx context.Context) {
	if t.wayBack == "" {
		return
	}
	if err := t.policy.Rescue.Drop(ctx); err != nil {
		converge.Waiting(ctx, "what was kept of the machine is left over; `k3sedge up` takes it away", err.Error())
	}
}

// aftermath says what became of a change that could not be confirmed for the
// reason of cause. It waits for the host's own way back, and goes in from
// outside where that fails. It is nil where the change is confirmed after all.
func (t transact) aftermath(ctx context.Context, cause error, back time.Time) error {
	node := t.policy.Node
	switch result := t.ending(ctx, back); {
	case result == facts.Confirmed:
		return nil
	case result == "" && ctx.Err() != nil:
		return machine.WithHint(cause, "%s goes back to its old state by itself at %s; then %s", node, clock(back), onceMore)
	case result == "":
		return t.rescue(ctx, cause, back)
	}
	return machine.WithHint(fmt.Errorf("%w; %s has gone back to its old state by itself, and lets you in again", cause, node), "%s", onceMore)
}

// onceMore is what to do after a change that locked its maker out.
const onceMore = "check ssh.allowFrom, ssh.port and ssh.authorizedKeys and run `k3sedge harden` again"

// ending waits until the host lets us in and tells how the change ended, which
// it does by itself at the time of back; "" if it does not.
func (t transact) ending(ctx context.Context, back time.Time) (result string) {
	wait := converge.Wait{
		What:  t.policy.Node + " to go back by itself and let us in again",
		Every: pause(t.policy.Window),
		// The way back itself takes its time, and so does a login after it.
		Limit: max(time.Until(back), 0) + max(t.policy.Window/3, time.Millisecond),
	}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		result = t.outcome(ctx)
		return result != "", "", nil
	})
	if err != nil {
		return ""
	}
	return result
}

// rescue takes the change back from outside, past a network that lets nobody in.
func (t transact) rescue(ctx context.Context, cause error, back time.Time) error {
	node, order := t.policy.Node, []string{facts.KeptAgent, "rollback", t.tx.ID}
	cause = fmt.Errorf("%w; at %s %s should have gone back by itself and lets nobody in yet", cause, clock(back), node)
	if t.policy.Rescue == nil {
		return machine.WithHint(cause, "is your own network all right? Else on the console of %s, as root: %s", node, strings.Join(order, " "))
	}
	converge.Waiting(ctx, "the change to be taken back from outside", "the host's own way back has failed")
	_, err := t.policy.Rescue.Exec(ctx, order...)
	if err != nil {
		return t.lastResort(fmt.Errorf("%w; taking the change back from outside: %w", cause, err), order)
	}
	if end := t.ending(ctx, time.Now()); end == "" {
		return t.lastResort(fmt.Errorf("%w; `%s` was run in it from outside, and a login is still not possible", cause, strings.Join(order, " ")), order)
	}
	return machine.WithHint(fmt.Errorf("%w; `%s`, run in it from outside, has taken the change back: it lets you in again", cause, strings.Join(order, " ")),
		"see on %s why its timer did not: journalctl -u k3sedge-rollback.service; then %s", node, onceMore)
}

// lastResort names what is left to the user: the machine's console, and the
// state from before its first hardening.
func (t transact) lastResort(err error, order []string) error {
	hint := fmt.Sprintf("on the console of %s, as root: %s", t.policy.Node, strings.Join(order, " "))
	if t.wayBack != "" {
		hint += "; or back to before its first hardening: " + t.wayBack
	}
	var told interface{ Hint() string }
	if errors.As(err, &told) {
		hint = told.Hint() + "\n" + hint
	}
	return machine.WithHint(err, "%s", hint)
}
