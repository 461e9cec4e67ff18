package hardening

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// console begins the last advice of all.
const console = "on the console of node-1, as root: /var/lib/k3sedge/k3sedge-node rollback "

// fakeRescuer is what a host runs on.
type fakeRescuer struct {
	calls            []string
	keepErr, dropErr error
	exec             func(argv []string) error
}

func (r *fakeRescuer) Keep(context.Context) (string, error) {
	r.calls = append(r.calls, "keep")
	return "qm rollback 9000 before", r.keepErr
}

func (r *fakeRescuer) Drop(context.Context) error {
	r.calls = append(r.calls, "drop")
	return r.dropErr
}

func (r *fakeRescuer) Exec(_ context.Context, argv ...string) (machine.Output, error) {
	r.calls = append(r.calls, "exec")
	return machine.Output{}, r.exec(argv)
}

// lockedOut is a host that lets nobody in once it is changed, until back says so.
func lockedOut(t *testing.T, p Policy) (h *fakeHost, back func()) {
	h = newHost(t, stock(t, p))
	h.after = hardened(t, p)
	locked := true
	h.redial = func(int) error {
		if locked {
			return &machine.UnreachableError{Address: "10.0.0.11:22", State: machine.Timeout}
		}
		return nil
	}
	return h, func() {
		locked = false
		h.now.Pending, h.now.Last = nil, &facts.Outcome{ID: h.sent.ID, Result: facts.RolledBack}
	}
}

func TestOnlyTheFirstHardeningIsPrecededByASnapshot(t *testing.T) {
	t.Parallel()
	gone := errors.New("the storage cannot")
	for name, tt := range map[string]struct {
		last    *facts.Outcome
		rescuer fakeRescuer
		want    []string
	}{
		"first":              {nil, fakeRescuer{}, []string{"keep", "drop"}},
		"after a failed one": {&facts.Outcome{Result: facts.RolledBack}, fakeRescuer{}, []string{"keep", "drop"}},
		"hardened before":    {&facts.Outcome{Result: facts.Confirmed}, fakeRescuer{}, nil},
		"cannot be kept":     {nil, fakeRescuer{keepErr: gone}, []string{"keep"}},
		"cannot be dropped":  {nil, fakeRescuer{dropErr: gone}, []string{"keep", "drop"}},
	} {
		p := testPolicy(t)
		p.Rescue = &tt.rescuer
		h := newHost(t, stock(t, p))
		h.now.Last, h.after = tt.last, hardened(t, p)
		if res, err := run(t, h, p); err != nil || res.Changed != 1 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
		if !slices.Equal(tt.rescuer.calls, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.rescuer.calls, tt.want)
		}
	}
}

func TestAHostThatGoesBackByItselfIsNotRescued(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Window = 300 * time.Millisecond
	r := &fakeRescuer{}
	p.Rescue = r
	h, back := lockedOut(t, p)
	locked := h.redial
	rollbackDue, cancel := context.WithTimeout(t.Context(), p.Window)
	defer cancel()
	h.redial = func(attempt int) error {
		if attempt > 3 && rollbackDue.Err() != nil {
			back()
		}
		return locked(attempt)
	}
	err := NewStep(p).Apply(t.Context(), h)
	if !errors.Is(err, ErrNotProven) && !errors.Is(err, ErrWentBack) {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(fmt.Sprint(err), "by itself") || hintOf(err) == "" || slices.Contains(r.calls, "exec") || slices.Contains(r.calls, "drop") {
		t.Errorf("error %v, hint %q, calls %v", err, hintOf(err), r.calls)
	}
}

func TestAHostThatDoesNotGoBackIsTakenBackFromOutside(t *testing.T) {
	t.Parallel()
	down := machine.WithHint(errors.New("guest agent does not answer"), "start it")
	for name, tt := range map[string]struct {
		exec func(back func()) error
		hint []string
		said string
	}{
		"it works":        {func(back func()) error { back(); return nil }, []string{"k3sedge-rollback.service", onceMore}, "has taken the change back"},
		"the agent fails": {func(func()) error { return down }, []string{"start it", console, "qm rollback 9000 before"}, "guest agent does not answer"},
		"still locked":    {func(func()) error { return nil }, []string{console, "qm rollback 9000 before"}, "still not possible"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testPolicy(t)
			p.Window = 200 * time.Millisecond
			h, back := lockedOut(t, p)
			r := &fakeRescuer{exec: func(argv []string) error {
				if want := []string{facts.KeptAgent, "rollback", h.sent.ID}; !slices.Equal(argv, want) {
					t.Errorf("run %q, want %q", argv, want)
				}
				return tt.exec(back)
			}}
			p.Rescue = r
			err := NewStep(p).Apply(t.Context(), h)
			if !errors.Is(err, ErrNotProven) || !strings.Contains(err.Error(), tt.said) {
				t.Errorf("error %v", err)
			}
			for _, want := range tt.hint {
				if !strings.Contains(hintOf(err), want) {
					t.Errorf("hint %q, want %q in it", hintOf(err), want)
				}
			}
			if !slices.Equal(r.calls, []string{"keep", "exec"}) {
				t.Errorf("calls %v", r.calls)
			}
		})
	}
}

func TestWhoDoesNotWaitIsToldWhatComes(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	r := &fakeRescuer{}
	p.Rescue = r
	h, _ := lockedOut(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	locked := h.redial
	h.redial = func(attempt int) error {
		if attempt > 2 {
			cancel()
		}
		return locked(attempt)
	}
	err := NewStep(p).Apply(ctx, h)
	if !errors.Is(err, ErrNotProven) || !strings.Contains(hintOf(err), "goes back to its old state by itself at ") || slices.Contains(r.calls, "exec") {
		t.Errorf("error %v, hint %q, calls %v", err, hintOf(err), r.calls)
	}
}
