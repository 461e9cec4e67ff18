package provision

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

var errKilled = errors.New("killed")

// killer ends a run at the nth point where it could end.
type killer struct {
	mu     sync.Mutex
	points []string
	at     int
}

func (k *killer) point(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.points = append(k.points, name)
	if k.at > 0 && len(k.points) >= k.at {
		return errKilled // and everything after it, as after kill -9
	}
	return nil
}

// TestKilledAnywhere kills the run before and after every request, while
// waiting for every task, and before every command on the machines, and starts
// it again. There are always two machines in the end, never three.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	probe := &killer{}
	runKilled(t, probe)
	total := len(probe.points)
	if total < 40 {
		t.Fatalf("only %d points: %v", total, probe.points)
	}
	for at := 1; at <= total; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			k := &killer{at: at}
			w := runKilled(t, k)
			w.beforeAct, w.lan.onBoot = nil, nil
			for _, g := range w.lan.guests {
				g.crash = nil
			}
			w.mustUp()
			if got := w.vms(); len(got) != 2 {
				t.Errorf("killed at %q: VMs are %v", k.points[min(at, len(k.points))-1], got)
			}
			for id, name := range w.vms() {
				w.wantFinished(id, name)
			}
			w.pve.ForgetCalls()
			if r, _ := w.mustUp(); r.Changed != 0 || len(w.writes()) != 0 {
				t.Errorf("killed at %q: the third run changed %d: %v", k.points[min(at, len(k.points))-1], r.Changed, w.writes())
			}
		})
	}
}

func runKilled(t *testing.T, k *killer) *world {
	t.Helper()
	w := newWorld(t, fakepve.Options{})
	w.beforeAct = k.point
	w.lan.onBoot = func(g *guest) {
		g.crash = func(argv []string) error { return k.point(strings.Join(argv, " ")) }
	}
	_, _, err := w.up()
	// How often a task is asked for varies, so that a late point may not come.
	if reached := k.at > 0 && len(k.points) >= k.at; reached != errors.Is(err, errKilled) || !reached && err != nil {
		t.Fatalf("first run: %v", err)
	}
	return w
}

// TestKilledWhilePinsChange kills it between the pin and what follows.
func TestKilledWhilePinsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.cluster.Nodes = w.cluster.Nodes[:1]
	w.pins.fail = errKilled
	for range 3 { // each run comes past one pin more at most
		if _, _, err := w.up(); err == nil {
			t.Fatal("pins did not fail")
		}
	}
	w.pins.fail = nil
	w.mustUp()
	w.wantFinished(9000, "edge-1")
}

func TestJournalLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	w.state = t.TempDir()
	if r, e := w.mustUp(); r.Changed != 0 {
		t.Errorf("changed: %v", e.changes(converge.StepChanged))
	}
	if got := w.vms(); !maps.Equal(got, map[int]string{9000: "edge-1", 9001: "edge-2"}) {
		t.Errorf("VMs are %v", got)
	}
}

// TestStillBeingMade is a run that was killed while Proxmox makes the VM: only
// its lock is to be seen.
func TestStillBeingMade(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"after create", "wait qmcreate"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fakepve.Options{})
			w.cluster.Nodes = w.cluster.Nodes[:1]
			if err := w.pve.Fault(fakepve.Fault{Method: "POST", Path: `^/nodes/pve/qemu$`, Kind: fakepve.TaskSlow, Delay: slow}); err != nil {
				t.Fatal(err)
			}
			w.beforeAct = func(at string) error {
				if at == point {
					return errKilled
				}
				return nil
			}
			if _, _, err := w.up(); !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			w.beforeAct = nil
			e := &events{}
			if _, err := converge.Run(t.Context(), nil, e, w.proxmox().PlanStages()...); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(e.changes(converge.StepDiffers), "\n"); !strings.Contains(got, "VM 9000 is being made") {
				t.Errorf("plan: %s", got)
			}
			w.mustUp()
			if got := w.vms(); !maps.Equal(got, map[int]string{9000: "edge-1"}) {
				t.Errorf("VMs are %v", got)
			}
		})
	}
}

// killWhileMaking kills a run at a point while Proxmox makes the first node's VM.
func killWhileMaking(t *testing.T, o fakepve.Options, point string) *world {
	t.Helper()
	w := newWorld(t, o)
	w.cluster.Nodes = w.cluster.Nodes[:1]
	if err := w.pve.Fault(fakepve.Fault{Method: "POST", Path: `^/nodes/pve/qemu$`, Kind: fakepve.TaskSlow, Delay: slow, Count: 1}); err != nil {
		t.Fatal(err)
	}
	w.beforeAct = func(at string) error {
		if at == point {
			return errKilled
		}
		return nil
	}
	if _, _, err := w.up(); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	w.beforeAct = nil
	return w
}

// TestTaskThatCannotBeLookedAtIsNotForgotten meets a Proxmox that answers with
// an error when it is asked how the task of a killed run goes.
func TestTaskThatCannotBeLookedAtIsNotForgotten(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 500, 596} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := killWhileMaking(t, fakepve.Options{}, "wait qmcreate")
			if err := w.pve.Fault(fakepve.Fault{Path: "/tasks/.*/status$", Kind: fakepve.Error, Status: status, Message: "no", Count: 3}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.up(); err == nil {
				t.Error("a task that could not be looked at was taken for one that is gone")
			}
			w.pve.ClearFaults()
			w.mustUp()
			if got := w.vms(); !maps.Equal(got, map[int]string{9000: "edge-1"}) {
				t.Errorf("VMs are %v", got)
			}
		})
	}
}

// TestUnseenVMIsNotMadeTwice has a token whose rights hang on the pool, which
// Proxmox adds a VM to when all else is done: until then it may not even be
// looked at, and the run that asked for it was killed before the answer.
func TestUnseenVMIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	sample := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
	w := killWhileMaking(t, fakepve.Options{Access: granted(*sample, 9)}, "after create")
	w.mustUp()
	if got := w.vms(); !maps.Equal(got, map[int]string{9000: "edge-1"}) {
		t.Errorf("VMs are %v", got)
	}
}

// TestDestroyWhileBeingMade does not say that there is nothing to destroy
// while Proxmox still makes what a killed run asked for.
func TestDestroyWhileBeingMade(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"after create", "wait qmcreate"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := killWhileMaking(t, fakepve.Options{}, point)
			p := w.proxmox()
			doomed, err := p.DestroyPlan(t.Context())
			if err != nil || len(doomed) != 1 || doomed[0].VMID != 9000 {
				t.Fatalf("%+v, %v", doomed, err)
			}
			if err := p.Destroy(t.Context(), nil, &events{}, doomed); err != nil {
				t.Fatal(err)
			}
			if got := w.vms(); len(got) != 0 {
				t.Errorf("left: %v", got)
			}
		})
	}
}

// TestDestroyDoesNotPassOverAnUnseenVM has a token whose rights hang on the
// pool: what was asked for and not answered may be there, and may not be
// looked at.
func TestDestroyDoesNotPassOverAnUnseenVM(t *testing.T) {
	t.Parallel()
	sample := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
	access := fakepve.Options{Access: granted(*sample, 9)}
	t.Run("made in the end", func(t *testing.T) {
		t.Parallel()
		w := killWhileMaking(t, access, "after create")
		if doomed, err := w.proxmox().DestroyPlan(t.Context()); err != nil || len(doomed) != 1 || doomed[0].VMID != 9000 {
			t.Errorf("%+v, %v", doomed, err)
		}
	})
	t.Run("never seen", func(t *testing.T) {
		t.Parallel()
		w := killWhileMaking(t, access, "before create")
		p := w.proxmox()
		p.unseen = time.Millisecond
		doomed, err := p.DestroyPlan(t.Context())
		if err == nil || !strings.Contains(hintOf(err), "qmcreate 9000") || !strings.Contains(hintOf(err), "journal.jsonl") {
			t.Errorf("%+v, %v (%s)", doomed, err, hintOf(err))
		}
	})
	t.Run("not there for a token that would see it", func(t *testing.T) {
		t.Parallel()
		if doomed, err := killWhileMaking(t, fakepve.Options{}, "before create").proxmox().DestroyPlan(t.Context()); err != nil || len(doomed) != 0 {
			t.Errorf("%+v, %v", doomed, err)
		}
	})
}
