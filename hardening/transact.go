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

// exitPending is the agent's answer while another transaction waits for its confirmation.
const exitPending = 5

// transact takes one transaction through apply, proof and confirmation.
type transact struct {
	host   Changer
	policy Policy
	agent  string // path on the host
	bootID string
	tx     facts.Transaction
}

func (t transact) run(ctx context.Context) error {
	t.tx.ID = rand.Text()
	// The host arms its way back only after it has read this, so its deadline
	// is never before the one that is counted here.
	back := time.Now().Add(t.policy.Window)
	if err := t.apply(ctx, back); err != nil {
		return err
	}
	session, err := t.prove(ctx, back)
	if err != nil {
		return t.notProven(err, back)
	}
	defer func() { _ = session.Close() }() // the proof is made, the end is of no interest
	if err := t.confirm(ctx, session, back); err != nil {
		return err
	}
	t.sweep(ctx, session)
	return nil
}

func (t transact) apply(ctx context.Context, back time.Time) error {
	body, err := json.Marshal(t.tx)
	if err != nil {
		return fmt.Errorf("write the transaction: %w", err)
	}
	out, err := t.host.Run(ctx, machine.Command{Argv: []string{t.agent, "apply"}, Stdin: body, Root: true})
	var exit *machine.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == exitPending:
		return machine.WithHint(fmt.Errorf("apply the transaction: %w", err), "another change of this host waits for its confirmation; run `k3sedge harden` again in %s", t.policy.Window)
	case errors.As(err, &exit):
		return machine.WithHint(fmt.Errorf("apply the transaction: %w", err), "the host is as it was before; `k3sedge harden --check` shows its state")
	case err != nil:
		return machine.WithHint(fmt.Errorf("apply the transaction: %w", err), "what was begun, the host takes back by itself at %s", clock(back))
	}
	var applied facts.Applied
	if err := json.Unmarshal(out.Stdout, &applied); err != nil || applied.ID != t.tx.ID {
		return machine.WithHint(fmt.Errorf("apply the transaction: the agent answered for %q, wanted %q", applied.ID, t.tx.ID), "the host goes back by itself at %s", clock(back))
	}
	return nil
}

// prove opens a new connection and finds the same machine, the pending
// transaction and a working sudo on it. The old connection would prove nothing.
func (t transact) prove(ctx context.Context, back time.Time) (machine.Session, error) {
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
		if err != nil {
			return false, err.Error(), final(err)
		}
		if err := t.meet(ctx, s); err != nil {
			_ = s.Close() // it has proven nothing; the next one may
			return false, err.Error(), final(err)
		}
		session = s
		return true, "", nil
	})
	return session, err
}

// final returns err where another attempt could not end otherwise.
func final(err error) error {
	switch machine.StateOf(err) {
	case machine.HostKeyDiffers, machine.HostKeyUnknown, machine.NoIdentity, machine.SudoPassword:
		return err
	}
	if errors.Is(err, ErrWentBack) {
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

func (t transact) notProven(err error, back time.Time) error {
	if errors.Is(err, ErrWentBack) {
		return machine.WithHint(fmt.Errorf("prove the change: %w", err), "see `journalctl -t k3sedge-node` on %s, then run `k3sedge harden` again", t.policy.Node)
	}
	return machine.WithHint(fmt.Errorf("%w: %w", ErrNotProven, err),
		"%s goes back to its old state by itself at %s; then check ssh.allowFrom, ssh.port and ssh.authorizedKeys and run `k3sedge harden` again", t.policy.Node, clock(back))
}

// confirm makes the change permanent, on the new session.
func (t transact) confirm(ctx context.Context, s machine.Session, back time.Time) error {
	_, err := s.Run(ctx, machine.Command{Argv: []string{t.agent, "confirm", t.tx.ID}, Root: true})
	if err == nil {
		return nil
	}
	if f, lookErr := ask(ctx, s, t.agent, facts.Request{}); lookErr == nil && f.Pending == nil {
		return machine.WithHint(fmt.Errorf("confirm the change: %w: %w", ErrWentBack, err), "run `k3sedge harden` again")
	}
	return machine.WithHint(fmt.Errorf("confirm the change: %w", err), "%s goes back by itself at %s; then run `k3sedge harden` again", t.policy.Node, clock(back))
}

// sweep removes the agents of other versions. Only here is it sure that no
// armed way back needs one of them. A leftover does no harm, so that failing
// to remove it is no failure of the change.
func (t transact) sweep(ctx context.Context, s machine.Session) {
	_, _ = s.Run(ctx, machine.Command{Argv: []string{
		"find", path.Dir(t.agent), "-maxdepth", "1", "-name", agent.Prefix + "*", "!", "-name", path.Base(t.agent), "-delete",
	}, Root: true})
}

func clock(t time.Time) string { return t.Format(time.TimeOnly) }
