package hardening

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/k3sedge/k3sedge/hardening/agent"
	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// ErrWentBack is a change that the host has taken back by itself because
// nobody confirmed it in time. The host is as it was before.
var ErrWentBack = errors.New("the host has taken the change back by itself")

// ErrNotProven is a change after which no new login was possible. The host
// takes it back by itself.
var ErrNotProven = errors.New("no new login was possible after the change")

// transact takes one transaction through apply, proof and confirmation.
type transact struct {
	host   Changer
	policy Policy
	agent  string // path on the host
	bootID string
	tx     facts.Transaction
	// wayBack leads to the state from before the first change, "" where none is kept.
	wayBack string
}

func (t transact) run(ctx context.Context) error {
	t.tx.ID = rand.Text()
	// The host arms its way back only after it has read this, so its deadline
	// is never before the one that is counted here.
	back := time.Now().Add(t.policy.Window)
	// One whose answer the change itself cuts off is waited for no longer.
	limited, cancel := context.WithDeadline(ctx, back)
	defer cancel()
	err := t.apply(limited, t.host, back)
	if machine.StateOf(err) != "" || err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = t.applyAgain(ctx, back, err)
	}
	if err != nil {
		return err
	}
	session, err := t.dial(ctx, back, t.meet)
	if err != nil {
		return t.notProven(ctx, err, back)
	}
	defer func() { _ = session.Close() }() // the proof is made, the end is of no interest
	if err := t.confirm(ctx, session, back); err != nil {
		return err
	}
	t.sweep(ctx, session)
	t.drop(ctx)
	return nil
}

// apply sends the transaction over h.
func (t transact) apply(ctx context.Context, h machine.Host, back time.Time) error {
	body, err := json.Marshal(t.tx)
	if err != nil {
		return fmt.Errorf("write the transaction: %w", err)
	}
	converge.Waiting(ctx, "the host to validate and apply the change", "")
	out, err := h.Run(ctx, machine.Command{Argv: []string{t.agent, "apply"}, Stdin: body, Root: true})
	var exit *machine.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == facts.ExitPending:
		return machine.WithHint(fmt.Errorf("apply the transaction: %w", err), "another change of this host waits for its confirmation; run `k3sedge harden` again in %s", t.policy.Window)
	case errors.As(err, &exit) && exit.NoRoom():
		return machine.WithHint(fmt.Errorf("apply the transaction: %w", err), "make room on %s (`df -h` there), then run the same command again", t.policy.Node)
	case errors.As(err, &exit):
		return machine.WithHint(fmt.Errorf("apply the transaction: %w", err), "the agent refused it or took it back; `k3sedge harden --check` shows the state of %s", t.policy.Node)
	case err != nil:
		return machine.WithHint(fmt.Errorf("apply the transaction: %w", err), "what was begun, the host takes back by itself at %s", clock(back))
	}
	var applied facts.Applied
	if err := json.Unmarshal(out.Stdout, &applied); err != nil || applied.ID != t.tx.ID {
		return machine.WithHint(fmt.Errorf("apply the transaction: the agent answered for %q, wanted %q", applied.ID, t.tx.ID), "the host goes back by itself at %s", clock(back))
	}
	return nil
}

// applyAgain sends the same transaction on a new connection, after the first
// one was lost: a change of the firewall may end it. The agent answers as it
// would have, and makes the change only if it has not.
func (t transact) applyAgain(ctx context.Context, back time.Time, lost error) error {
	session, err := t.dial(ctx, back, func(ctx context.Context, s machine.Session) error { return t.apply(ctx, s, back) })
	var exit *machine.ExitError
	if errors.As(err, &exit) {
		return errors.Join(err, lost) // it was let in, and refused or took back the change
	}
	if err != nil {
		return t.notProven(ctx, errors.Join(lost, err), back)
	}
	_ = session.Close() // it has answered; the proof comes on another one
	return nil
}

// dial opens new connections until do succeeds on one. The old connection
// would prove nothing.
func (t transact) dial(ctx context.Context, back time.Time, do func(context.Context, machine.Session) error) (machine.Session, error) {
	var session machine.Session
	wait := converge.Wait{
		What:  "a new SSH login to " + t.policy.Node,
		Every: pause(t.policy.Window),
		// A tenth of the window is kept for the confirmation.
		Limit: max(time.Until(back)-t.policy.Window/10, time.Millisecond),
		Cause: "the change may have locked you out; the host goes back by itself at " + clock(back),
	}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		s, err := t.host.Redial(ctx)
		if ctx.Err() != nil && err != nil {
			return false, "", nil // the time is up; what the last attempt met says more
		}
		if err != nil {
			return false, stateText(err), final(err)
		}
		if err := do(ctx, s); err != nil {
			_ = s.Close() // it has proven nothing; the next one may
			return false, stateText(err), final(err)
		}
		session = s
		return true, "", nil
	})
	return session, err
}

// stateText is err as the state of a wait: where the login has a state of its
// own, that is the whole story.
func stateText(err error) string {
	if state := machine.StateOf(err); state != "" {
		return string(state)
	}
	return err.Error()
}

// final returns err where another attempt could not end otherwise.
func final(err error) error {
	switch machine.StateOf(err) {
	case machine.HostKeyDiffers, machine.HostKeyUnknown, machine.NoIdentity, machine.SudoPassword:
		return err
	}
	var exit *machine.ExitError
	if errors.As(err, &exit) && exit.Code == facts.ExitPending {
		return nil // the run whose connection was lost may still be at work
	}
	if errors.Is(err, ErrWentBack) || exit != nil {
		return err
	}
	return nil
}

// meet makes sure that s leads to root on the machine that waits.
func (t transact) meet(ctx context.Context, s machine.Session) error {
	if _, err := s.Query(ctx, machine.SudoWorks()); err != nil {
		return fmt.Errorf("become root on the new session: %w", err)
	}
	f, err := ask(ctx, s, t.agent, facts.Request{})
	if err != nil {
		return fmt.Errorf("on the new session: %w", err)
	}
	if f.System == nil || f.System.BootID != t.bootID {
		return fmt.Errorf("%w: it was restarted", ErrWentBack)
	}
	if f.Pending == nil || f.Pending.ID != t.tx.ID {
		return ErrWentBack
	}
	return nil
}

func (t transact) notProven(ctx context.Context, err error, back time.Time) error {
	if errors.Is(err, ErrWentBack) {
		return machine.WithHint(fmt.Errorf("prove the change: %w", err), "see `journalctl -t k3sedge-node` on %s, then run `k3sedge harden` again", t.policy.Node)
	}
	return t.aftermath(ctx, fmt.Errorf("%w: %w", ErrNotProven, err), back)
}

// confirm makes the change permanent, on the new session. Where the answer is
// lost, the host is asked how the change has ended.
func (t transact) confirm(ctx context.Context, s machine.Session, back time.Time) error {
	_, err := s.Run(ctx, machine.Command{Argv: []string{t.agent, "confirm", t.tx.ID}, Root: true})
	if err == nil {
		return nil
	}
	err = fmt.Errorf("confirm the change: %w", err)
	var exit *machine.ExitError
	if errors.As(err, &exit) && exit.Code == facts.ExitNotPending {
		return machine.WithHint(fmt.Errorf("%w: %w", ErrWentBack, err), "run `k3sedge harden` again")
	}
	switch end := t.outcome(ctx); {
	case end == facts.Confirmed:
		return nil
	case end != "":
		return machine.WithHint(fmt.Errorf("%w: %w", ErrWentBack, err), "run `k3sedge harden` again")
	case exit != nil && exit.NoRoom():
		return machine.WithHint(err, "make room on %s (`df -h` there); it goes back by itself at %s; then run `k3sedge harden` again", t.policy.Node, clock(back))
	case exit == nil:
		return t.aftermath(ctx, err, back)
	}
	return machine.WithHint(err, "%s goes back by itself at %s; then run `k3sedge harden` again", t.policy.Node, clock(back))
}

// outcome is how the change has ended, "" where it has not or nobody knows.
func (t transact) outcome(ctx context.Context) string {
	s, err := t.host.Redial(ctx)
	if err != nil {
		return ""
	}
	defer func() { _ = s.Close() }() // it was only asked
	f, err := ask(ctx, s, t.agent, facts.Request{})
	if err != nil || f.Last == nil || f.Last.ID != t.tx.ID {
		return ""
	}
	return f.Last.Result
}

// sweep removes the agents of other versions, and what is left of an upload
// that was killed an hour ago or earlier: a younger one may be on its way. Only
// here is it sure that no armed way back needs one of them. A leftover does no
// harm, so that failing to remove it is no failure of the change.
func (t transact) sweep(ctx context.Context, s machine.Session) {
	_, _ = s.Run(ctx, machine.Command{Argv: []string{
		"find", path.Dir(t.agent), "-maxdepth", "1", "-type", "f",
		"(", "-name", agent.Prefix + "*", "!", "-name", path.Base(t.agent), "-o", "-name", ".k3sedge.??????????", "-mmin", "+60", ")",
		"-delete",
	}, Root: true})
}

func clock(t time.Time) string { return t.Format(time.TimeOnly) }
