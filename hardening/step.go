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

// Changer is a host that can be hardened: changed, and logged in to anew.
type Changer interface {
	machine.Host
	machine.Placer
	machine.Redialer
}

// ErrUnknown is a host of which a control could not be judged. It is neither
// compliant nor drifted.
var ErrUnknown = errors.New("could not look")

// NewStep makes the step that brings one node to its policy.
func NewStep(p Policy) converge.Step[Looker, Changer] { return step{p} }

type step struct{ policy Policy }

// ID names the step in events.
func (step) ID() string { return "harden" }

// Check returns one change for each failing control that k3sedge keeps, and an
// error as well where such a one could not be judged.
func (s step) Check(ctx context.Context, target Looker) ([]converge.Change, error) {
	report, err := Audit(ctx, target, s.policy)
	if err != nil {
		return nil, err
	}
	var changes []converge.Change
	for _, f := range report.Drift() {
		changes = append(changes, converge.Change{ID: f.ID, Have: f.Have, Want: f.Want})
	}
	return changes, report.unknown()
}

// Apply sends one transaction for all failing controls, proves a new login and
// confirms. It mends what it can before it complains of what it cannot.
func (s step) Apply(ctx context.Context, w Changer) error {
	f, path, err := s.settled(ctx, w)
	if err != nil {
		return err
	}
	if f.Last != nil && f.Last.Result == facts.RolledBack {
		converge.Waiting(ctx, "the change to be made"+lastChange(f.Last), "")
	}
	if err := judgeAll(s.policy.hostControls(), f, s.policy).unknown(); err != nil {
		return err
	}
	s.policy.Window = s.policy.windowFor(f.Took)
	plan := PlanFor(f, s.policy)
	if !plan.Empty() {
		if err := guard(f, s.policy); err != nil {
			return err
		}
		t := transact{host: w, policy: s.policy, agent: path, tx: plan.Transaction}
		if f.System != nil {
			t.bootID = f.System.BootID
		}
		t.wayBack = t.keep(ctx, f.Last)
		if err := t.run(ctx); err != nil {
			return err
		}
	}
	return plan.leftToUser()
}

// settled looks until no unconfirmed change of an earlier run is pending: the
// host goes back from it by itself, and what is seen until then is not to last.
func (s step) settled(ctx context.Context, target Looker) (f *facts.Facts, path string, err error) {
	f, path, err = askHost(ctx, target, s.policy)
	if err != nil || f.Pending == nil {
		return f, path, err
	}
	const slack = 30 * time.Second // for the way back itself
	wait := converge.Wait{
		What:  "the host to go back from an unconfirmed change",
		Every: pause(s.policy.Window),
		Limit: remaining(f) + slack,
		Cause: "an earlier run ended before it confirmed, or another one is at work",
	}
	err = wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		f, path, err = askHost(ctx, target, s.policy)
		if err != nil {
			return false, "", err
		}
		return f.Pending == nil, fmt.Sprintf("%s left", remaining(f)), nil
	})
	return f, path, machine.WithHint(err, "see `journalctl -t k3sedge-node` on the host, then run `k3sedge harden` again")
}

// remaining is the time until the pending change is taken back, by the host's own clock.
func remaining(f *facts.Facts) time.Duration {
	if f.Pending == nil || f.System == nil {
		return 0
	}
	return max(0, time.Duration(f.Pending.Deadline-f.System.UnixTime)*time.Second)
}

// pause is the time between two looks while waiting for something of length
// d. sshd is away for a moment while it reloads: that must not cost a second.
func pause(d time.Duration) time.Duration {
	const looks, longest = 60, 200 * time.Millisecond
	return min(max(d/looks, time.Millisecond), longest)
}

// unknown is the error for a report with gaps too weighty to go on, or nil.
func (r Report) unknown() error {
	gaps := r.Blind()
	if len(gaps) == 0 {
		return nil
	}
	ids := make([]string, len(gaps))
	var evidence []string
	for i, f := range gaps {
		ids[i] = f.ID
		for _, e := range f.Evidence {
			if len(evidence) == 0 || evidence[len(evidence)-1] != e {
				evidence = append(evidence, e)
			}
		}
	}
	return machine.WithHint(fmt.Errorf("%w: %s: %s", ErrUnknown, strings.Join(ids, ", "), strings.Join(evidence, "; ")),
		"`k3sedge harden --check` shows each of them; mend the cause on %s and run it again", r.Node)
}
