package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

const slow = fakepve.Duration(300 * time.Millisecond)

// TestTrouble brings each trouble, wants one error with its cause and a hint,
// and wants a second run to mend what is left once the cause is gone.
func TestTrouble(t *testing.T) {
	t.Parallel()
	const create, qemu = `^/nodes/pve/qemu$`, `^/nodes/pve/qemu/`
	tests := []struct {
		name    string
		options fakepve.Options
		fault   *fakepve.Fault
		bring   func(*world)
		mend    func(*world)
		want    []string // in the error and its hint; none if the run succeeds all the same
	}{
		{name: "bad checksum",
			bring: func(w *world) { w.cluster.Provider.Proxmox.Image.Checksum = "sha512:" + strings.Repeat("ab", 64) },
			mend: func(w *world) {
				w.cluster.Provider.Proxmox.Image.URL, w.cluster.Provider.Proxmox.Image.Checksum = image(w.t)
			},
			want: []string{"checksum", strings.Repeat("ab", 64), "provider.proxmox.image.checksum"}},
		{name: "image is not there",
			bring: func(w *world) { w.cluster.Provider.Proxmox.Image.URL = "http://127.0.0.1:1/debian.qcow2" },
			mend: func(w *world) {
				w.cluster.Provider.Proxmox.Image.URL, w.cluster.Provider.Proxmox.Image.Checksum = image(w.t)
			},
			want: []string{"download", "provider.proxmox.image.url"}},
		{name: "full storage",
			fault: &fakepve.Fault{Method: "POST", Path: create, Kind: fakepve.TaskFails, Message: "unable to create VM 9000 - lvcreate error: No space left on device"},
			want:  []string{"No space left", "make room"}},
		{name: "create fails after it has worked",
			fault: &fakepve.Fault{Method: "POST", Path: create, Kind: fakepve.TaskFailsLate, Message: "something late"},
			want:  []string{"something late", "qmcreate"}},
		{name: "proxmox goes away while a VM is made", fault: &fakepve.Fault{Method: "POST", Path: create, Kind: fakepve.DropAfter}, want: []string{"connection lost", "again"}},
		{name: "proxmox goes away before a VM is made", fault: &fakepve.Fault{Method: "POST", Path: create, Kind: fakepve.DropBefore}, want: []string{"connection lost", "again"}},
		{name: "proxmox goes away while it is configured", fault: &fakepve.Fault{Method: "POST", Path: qemu + `\d+/config`, Kind: fakepve.DropAfter}, want: []string{"connection lost", "again"}},
		{name: "half an answer to the start", fault: &fakepve.Fault{Method: "POST", Path: "/status/start", Kind: fakepve.HalfAnswer}},
		{name: "half an answer to a slow start", options: fakepve.Options{TaskTime: time.Duration(slow / 10)}, fault: &fakepve.Fault{Method: "POST", Path: "/status/start", Kind: fakepve.HalfAnswer}},
		{name: "596 on create", fault: &fakepve.Fault{Method: "POST", Path: create, Kind: fakepve.ProxyTimeout}, want: []string{"596", "provider.proxmox.node"}},
		{name: "upload fails", fault: &fakepve.Fault{Method: "POST", Path: "/upload", Kind: fakepve.Error, Message: "boom"}, want: []string{"upload", "boom"}},
		{name: "lock timeout that passes", fault: &fakepve.Fault{Method: "POST", Path: create, Kind: fakepve.LockTimeout, Count: 1}},
		{name: "lock timeout of a resize", fault: &fakepve.Fault{Method: "PUT", Path: "/resize", Kind: fakepve.LockTimeout, Count: 1}},
		{name: "lock timeout that stays", fault: &fakepve.Fault{Method: "POST", Path: create, Kind: fakepve.LockTimeout}, want: []string{"got timeout", "holds the lock"}},
		{name: "warnings", fault: &fakepve.Fault{Method: "POST", Kind: fakepve.TaskWarns, Message: "thin pool is large"}},
		{name: "slow tasks", fault: &fakepve.Fault{Method: "POST", Kind: fakepve.TaskSlow, Delay: slow / 10}},
		{name: "reads that fail now and then", fault: &fakepve.Fault{Method: "GET", Kind: fakepve.Error, Count: 1, After: 7}},
		{name: "start fails though it runs", bring: func(w *world) { w.pve.Memory.Switch(fakepve.Switches{StartFailsThoughItRuns: true}) }},
		{name: "start fails", bring: func(w *world) { w.pve.Memory.Switch(fakepve.Switches{StartFails: true}) },
			mend: func(w *world) { w.pve.Memory.Switch(fakepve.Switches{}) }, want: []string{"start VM 9000", "qmstart"}},
		{name: "address in use", bring: func(w *world) { w.lan.taken = []netip.Addr{netip.MustParseAddr("10.0.0.11")} },
			mend: func(w *world) { w.lan.taken = nil }, want: []string{"10.0.0.11", "already in use", "nodes[].address", "by this node's VM under another id?"}},
		{name: "no such template", bring: func(w *world) { p := w.cluster.Provider.Proxmox; p.Image, p.Template = nil, 9005 },
			mend: func(w *world) {
				p := w.cluster.Provider.Proxmox
				p.Template, p.Image = 0, &inventory.Image{}
				p.Image.URL, p.Image.Checksum = image(w.t)
			}, want: []string{"9005", "provider.proxmox.template"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.options)
			if tt.fault != nil {
				if err := w.pve.Fault(*tt.fault); err != nil {
					t.Fatal(err)
				}
			}
			if tt.bring != nil {
				tt.bring(w)
			}
			_, _, err := w.up()
			wantTrouble(t, err, tt.want)
			w.pve.ClearFaults()
			if tt.mend != nil {
				tt.mend(w)
			}
			w.mustUp()
			if got := w.vms(); len(got) != 2 {
				t.Errorf("VMs are %v", got)
			}
			for id, name := range w.vms() {
				w.wantFinished(id, name)
			}
		})
	}
}

func wantTrouble(t *testing.T, err error, want []string) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Errorf("error %v (%s)", err, hintOf(err))
		}
		return
	}
	if err == nil {
		t.Fatal("no error")
	}
	if hintOf(err) == "" {
		t.Errorf("no hint for %v", err)
	}
	for _, text := range want {
		if all := err.Error() + "\n" + hintOf(err); !strings.Contains(all, text) {
			t.Errorf("%q is not in:\n%s", text, all)
		}
	}
}

func TestWarningsAreShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	if err := w.pve.Fault(fakepve.Fault{Method: "POST", Path: "/status/start", Kind: fakepve.TaskWarns, Message: "thin pool is large"}); err != nil {
		t.Fatal(err)
	}
	_, e := w.mustUp()
	for _, event := range e.all {
		if event.Kind == converge.StepWaiting && strings.Contains(event.Message, "WARNINGS: 1") && strings.Contains(event.Cause, "thin pool is large") {
			return
		}
	}
	for _, event := range e.all {
		if event.Kind == converge.StepWaiting {
			t.Logf("shown: %q, %q", event.Message, event.Cause)
		}
	}
	t.Error("the warning of a task was not shown")
}

func TestNumberTakenByAStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	if err := w.pve.AddForeignVM(9000); err != nil {
		t.Fatal(err)
	}
	// A second stranger comes between our look and our request.
	if err := w.pve.Fault(fakepve.Fault{Method: "POST", Path: `^/nodes/pve/qemu$`, Kind: fakepve.ForeignVM, Count: 1}); err != nil {
		t.Fatal(err)
	}
	foreign := w.vmConfig(9000)
	w.mustUp()
	got := w.vms()
	ours := map[string]int{}
	for id, name := range got {
		ours[name] = id
	}
	if len(got) != 4 || ours["edge-1"] == 0 || ours["edge-2"] == 0 {
		t.Errorf("VMs are %v", got)
	}
	if now := w.vmConfig(9000); now.Description != foreign.Description || !maps.Equal(now.Devices, foreign.Devices) {
		t.Errorf("the stranger's VM was changed: %+v", now)
	}
}

func TestRangeFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	for id := 9000; id <= 9005; id++ {
		if err := w.pve.AddForeignVM(id); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := w.up()
	wantTrouble(t, err, []string{"taken", "provider.proxmox.vmids", "9005"})
}

func TestWhatDoesNotAgreeIsLeftAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options Options
		journal bool
	}{
		"renamed":              {Options{"name": "other"}, true},
		"renamed, no journal":  {Options{"name": "other"}, false},
		"unmarked":             {Options{"description": "mine"}, true},
		"unmarked, no journal": {Options{"description": "mine"}, false},
		"another's mark":       {Options{"description": "k3sedge/other/edge-1"}, true},
		"two marks":            {Options{"description": mark{clusterID, "edge-1"}.String() + "\n" + mark{clusterID, "x"}.String()}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fakepve.Options{})
			w.cluster.Nodes = w.cluster.Nodes[:1]
			w.mustUp()
			w.ask(func(ctx context.Context, api API) (UPID, error) { return api.Configure(ctx, 9000, tt.options) })
			if !tt.journal {
				w.state = t.TempDir()
			}
			w.cluster.Nodes[0].Memory = 4 * inventory.GiB
			w.pve.ForgetCalls()
			_, _, err := w.up()
			wantTrouble(t, err, []string{"9000", "edge-1", "nothing was changed"})
			var not *NotOursError
			if !errors.As(err, &not) || len(w.writes()) != 0 {
				t.Errorf("%v; writes %v", err, w.writes())
			}
			_, err = w.proxmox().DestroyPlan(t.Context())
			if !errors.As(err, &not) {
				t.Errorf("down: %v", err)
			}
		})
	}
}

func TestMachineThatNeverBoots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.lan.dead = true
	_, _, err := w.up()
	wantTrouble(t, err, []string{"no route", "VM 9000 runs", "qm terminal 9000"})
	w.lan.dead = false
	w.mustUp()
}

// TestMachineThatWasMoved: it still has its number, but we do not see it.
func TestMachineThatWasMoved(t *testing.T) {
	t.Parallel()
	sample := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
	w := newWorld(t, fakepve.Options{Access: granted(*sample, 9)})
	w.cluster.Nodes = w.cluster.Nodes[:1]
	w.mustUp()
	w.ask(func(ctx context.Context, api API) (UPID, error) { return api.Stop(ctx, 9000) })
	w.ask(func(ctx context.Context, api API) (UPID, error) { return api.DestroyVM(ctx, 9000) })
	if err := w.pve.AddForeignVM(9000); err != nil { // outside of the pool
		t.Fatal(err)
	}
	for range 2 { // and it is not made a second time by asking again
		_, _, err := w.up()
		wantTrouble(t, err, []string{"9000", "provider.proxmox.node", "provider.proxmox.pool"})
	}
	if doomed, err := w.proxmox().DestroyPlan(t.Context()); err != nil || len(doomed) != 0 {
		t.Errorf("%v, %v", doomed, err)
	}
}

func TestHostKeyThatDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	w.pins.keys["edge-2"] = []string{"ssh-ed25519 AAAAanother"}
	_, _, err := w.up()
	wantTrouble(t, err, []string{"edge-2", string(machine.HostKeyDiffers)})
	e := &events{}
	r, err := converge.Run(t.Context(), nil, e, w.proxmox().PlanStages()...)
	if err != nil || r.Unknown != 1 {
		t.Errorf("plan: %+v, %v", r, err)
	}
}

func TestPinsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	w.pins.keys = map[string][]string{}
	e := &events{}
	if _, err := converge.Run(t.Context(), nil, e, w.proxmox().PlanStages()...); err != nil {
		t.Fatal(err)
	}
	if plan := strings.Join(e.changes(converge.StepDiffers), "\n"); !strings.Contains(plan, "guest agent") || !strings.Contains(plan, "k3sedge trust edge-2") {
		t.Errorf("the plan promises what needs a guest agent:\n%s", plan)
	}
	_, _, err := w.up()
	wantTrouble(t, err, []string{string(machine.HostKeyUnknown), "k3sedge trust edge-1", "k3sedge trust edge-2"})
	w.pve.Memory.Switch(fakepve.Switches{Exec: func(vmid int, c fakepve.Command) (fakepve.Result, error) {
		g, err := w.lan.boot(w.vms()[vmid])
		if err != nil || !strings.Contains(fmt.Sprint(c.Argv), "ssh_host_ed25519_key.pub") {
			return fakepve.Result{}, fmt.Errorf("not taught: %v, %w", c.Argv, errors.Join(err, fakepve.ErrNoAgent))
		}
		return fakepve.Result{Stdout: []byte(g.file + " root@edge\n")}, nil
	}})
	w.mustUp()
	for id, name := range w.vms() {
		w.wantFinished(id, name)
	}
}

// TestInterruptedWait: the user's Ctrl-C is no trouble of the machine.
func TestInterruptedWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("interrupted")
	v := &view{seen: &sight{Present: true, Running: true, VMID: 9000}, ready: func(ctx context.Context) error {
		cancel(stopped)
		return fmt.Errorf("wait for edge-1: %w", context.Cause(ctx))
	}}
	if _, err := checkReady(ctx, v); !errors.Is(err, stopped) || strings.Contains(fmt.Sprint(err), "qm terminal") {
		t.Errorf("%v", err)
	}
}

// silence is a LAN in which nobody answers, however long one waits.
type silence struct{}

// Answers waits until ctx ends.
func (silence) Answers(ctx context.Context, _ netip.AddrPort) (bool, error) {
	<-ctx.Done()
	return false, nil
}

func TestProbeHasALimitAndEndsWithTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ask := func() *hands {
			return &hands{view: &view{node: inventory.Node{Name: "edge-1", Address: netip.MustParseAddr("127.0.0.1")}}, prober: silence{}}
		}
		if h := ask(); h.probe(t.Context()) != nil || !h.probed {
			t.Error("an address at which nobody answers is not taken for free")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errKilled)
		if h := ask(); !errors.Is(h.probe(ctx), errKilled) || h.probed {
			t.Error("a probe that was broken off is taken for one that found nobody")
		}
	})
}
