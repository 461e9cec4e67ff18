package node

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// killed is what a test panics with where a process would be killed.
type killed struct{ at string }

// recorder lists the steps that a run passes.
func recorder(steps *[]string) func(string) error {
	return func(name string) error {
		*steps = append(*steps, name)
		return nil
	}
}

// killer ends a run before its step number n, without any clean-up.
func killer(n int) func(string) error {
	return func(name string) error {
		if n--; n < 0 {
			panic(killed{name})
		}
		return nil
	}
}

var errInjected = errors.New("injected")

func failer(n int) func(string) error {
	return func(string) error {
		if n--; n == -1 {
			return errInjected
		}
		return nil
	}
}

// survive runs what may be killed and reports whether it was.
func survive(run func()) (dead bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			dead = true
		}
	}()
	run()
	return false
}

func stepsOf(t *testing.T, prepare func(h Host), run func(h Host)) []string {
	t.Helper()
	var steps []string
	h := newWorld(t).host()
	prepare(h)
	h.Step = recorder(&steps)
	run(h)
	if len(steps) < 5 {
		t.Fatalf("only %d steps: %q", len(steps), steps)
	}
	return steps
}

func nothing(Host) {}

func mustApply(t *testing.T, h Host, tx facts.Transaction) {
	t.Helper()
	if _, err := Apply(t.Context(), h, tx); err != nil {
		t.Fatal(err)
	}
}

// wayBack is what systemd does when a killed run leaves its timer behind: it
// runs the rollback. Without a timer, nothing may have been touched.
func wayBack(t *testing.T, w *world) {
	t.Helper()
	if w.timer == nil {
		return
	}
	if _, err := Rollback(t.Context(), w.host(), w.timer[len(w.timer)-1]); err != nil {
		t.Errorf("rollback: %v", err)
	}
}

func TestApplyKilledAnywhereGoesBack(t *testing.T) {
	t.Parallel()
	apply := func(h Host) { _, _ = Apply(context.Background(), h, everything("tx1")) }
	for n, name := range stepsOf(t, nothing, apply) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.state(t)
			h := w.host()
			h.Step = killer(n)
			if !survive(func() { apply(h) }) {
				t.Fatal("was not killed")
			}
			wayBack(t, w)
			// Between the boot unit and the timer, the unit is left and does
			// nothing: there is no pending file. The next run takes it away.
			if w.exists(txFile("tx1", resultName)) || !w.exists(bootUnitFile) && !w.exists(temporary(bootUnitFile)) {
				w.same(t, before)
			}
			mustApply(t, w.host(), everything("tx2"))
			if _, err := Rollback(t.Context(), w.host(), "tx2"); err != nil {
				t.Fatal(err)
			}
			w.same(t, before)
			w.disarmed(t)
		})
	}
}

func TestApplyKilledThenReboot(t *testing.T) {
	t.Parallel()
	apply := func(h Host) { _, _ = Apply(context.Background(), h, everything("tx1")) }
	steps := stepsOf(t, nothing, apply)
	pending := slices.Index(steps, "rename "+pendingFile)
	for n, name := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.state(t)
			h := w.host()
			h.Step = killer(n)
			survive(func() { apply(h) })
			w.reboot(t)
			if n <= pending {
				if w.exists(pendingFile) {
					t.Fatal("pending before anything was armed")
				}
				return
			}
			if !w.exists(bootUnitLink) {
				t.Fatal("touched without a unit for the next boot")
			}
			out, err := Rollback(t.Context(), w.host(), "")
			if err != nil || out.Result != facts.RolledBack {
				t.Fatalf("rollback: %+v, %v", out, err)
			}
			w.samePersistent(t, before)
			w.disarmed(t)
		})
	}
}

// reboot takes away what only a running host has.
func (w *world) reboot(t *testing.T) {
	t.Helper()
	w.timer, w.table = nil, ""
	w.put(t, bootIDFile, "boot-2\n")
	w.put(t, "/proc/sys/net/ipv4/ip_forward", "0\n")
	w.jobs = []string{"39 " + nftablesUnit + " start waiting", "40 ssh.service start waiting"}
}

// samePersistent compares what outlives a reboot.
func (w *world) samePersistent(t *testing.T, want []string) {
	t.Helper()
	w.put(t, bootIDFile, "boot-1\n")
	w.same(t, want)
}

func TestApplyFailedAnywhereGoesBackAtOnce(t *testing.T) {
	t.Parallel()
	apply := func(h Host) { _, _ = Apply(context.Background(), h, everything("tx1")) }
	for n, name := range stepsOf(t, nothing, apply) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.state(t)
			h := w.host()
			h.Step = failer(n)
			if _, err := Apply(t.Context(), h, everything("tx1")); !errors.Is(err, errInjected) {
				t.Fatalf("error: %v", err)
			}
			w.same(t, before)
			w.disarmed(t)
		})
	}
}

func TestRollbackKilledAnywhereIsFinished(t *testing.T) {
	t.Parallel()
	apply := func(h Host) { _, _ = Apply(context.Background(), h, everything("tx1")) }
	rollback := func(h Host) { _, _ = Rollback(context.Background(), h, "tx1") }
	for n, name := range stepsOf(t, apply, rollback) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.state(t)
			mustApply(t, w.host(), everything("tx1"))
			h := w.host()
			h.Step = killer(n)
			if !survive(func() { rollback(h) }) {
				t.Fatal("was not killed")
			}
			armed := w.exists(pendingFile) && w.timer != nil && w.exists(bootUnitLink)
			if !armed && !w.exists(txFile("tx1", resultName)) {
				t.Error("not armed any more, and not taken back yet")
			}
			out, err := Rollback(t.Context(), w.host(), "tx1")
			if err != nil || out.Result != facts.RolledBack {
				t.Fatalf("rollback: %+v, %v", out, err)
			}
			w.same(t, before)
			w.disarmed(t)
		})
	}
}

// A confirmation that is killed is either in force or not: after the timer
// has run, the host is wholly new or wholly old, and confirm says which.
func TestConfirmKilledAnywhereIsAllOrNothing(t *testing.T) {
	t.Parallel()
	apply := func(h Host) { _, _ = Apply(context.Background(), h, everything("tx1")) }
	confirm := func(h Host) { _, _ = Confirm(context.Background(), h, "tx1") }
	done := newWorld(t)
	apply(done.host())
	confirm(done.host())
	after := done.state(t)
	for n, name := range stepsOf(t, apply, confirm) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.state(t)
			apply(w.host())
			h := w.host()
			h.Step = killer(n)
			if !survive(func() { confirm(h) }) {
				t.Fatal("was not killed")
			}
			wayBack(t, w)
			out, err := Confirm(t.Context(), w.host(), "tx1")
			switch {
			case err == nil && out.Result == facts.Confirmed:
				w.same(t, after)
			case errors.Is(err, ErrNotPending) && out.Result == facts.RolledBack:
				w.same(t, before)
			default:
				t.Fatalf("confirm: %+v, %v", out, err)
			}
			w.disarmed(t)
		})
	}
}
