package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// snapshots are those of the first VM.
func (w *world) snapshots() []string {
	w.t.Helper()
	all, err := w.proxmox().api.Snapshots(w.t.Context(), 9000)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

// rescue reaches the first node's VM in a new run.
func (w *world) rescue() Rescue {
	w.t.Helper()
	return w.proxmox().Rescue(w.cluster.Nodes[0])
}

func TestASnapshotIsTakenOnceAndDeleted(t *testing.T) {
	t.Parallel()
	for _, version := range []int{8, 9} {
		p := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
		w := newWorld(t, fakepve.Options{Major: version, Access: granted(*p, version)})
		w.mustUp()
		for range 2 {
			if way, err := w.rescue().Keep(t.Context()); err != nil || !strings.Contains(way, "qm rollback 9000 "+beforeHarden) {
				t.Fatalf("%q, %v", way, err)
			}
		}
		if got := w.snapshots(); !slices.Equal(got, []string{beforeHarden}) {
			t.Errorf("snapshots %v", got)
		}
		for range 2 {
			if err := w.rescue().Drop(t.Context()); err != nil || len(w.snapshots()) != 0 {
				t.Fatalf("%v, left %v", err, w.snapshots())
			}
		}
	}
}

func TestASnapshotOfTheUsersStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	w.ask(func(ctx context.Context, api API) (UPID, error) {
		return api.TakeSnapshot(ctx, 9000, Snapshot{beforeHarden, "mine"})
	})
	// It is from whenever, and no way back to before the first hardening.
	if wayBack, err := w.rescue().Keep(t.Context()); err == nil || wayBack != "" || !strings.Contains(err.Error(), "has not made") {
		t.Errorf("way back %q, %v", wayBack, err)
	}
	if err := w.rescue().Drop(t.Context()); err != nil || len(w.snapshots()) != 1 {
		t.Errorf("%v, left %v", err, w.snapshots())
	}
	if r, _ := w.left(); r.Holds != 1 {
		t.Errorf("%+v", r)
	}
}

// left runs the step behind the hardening.
func (w *world) left() (converge.Result, *events) {
	w.t.Helper()
	e := &events{}
	r, err := converge.Run(w.t.Context(), nil, e, converge.Stage{Tracks: []converge.Track{w.proxmox().Left(w.cluster.Nodes[0])}})
	if err != nil {
		w.t.Fatal(err)
	}
	return r, e
}

func TestALeftSnapshotIsPlannedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	if _, err := w.rescue().Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := &events{}
	plan := converge.Stage{Tracks: []converge.Track{w.proxmox().PlanLeft(w.cluster.Nodes[0])}}
	if r, err := converge.Run(t.Context(), nil, e, plan); err != nil || r.Differs != 1 || len(w.snapshots()) != 1 {
		t.Errorf("plan: %+v, %v", r, err)
	}
	if r, _ := w.left(); r.Changed != 1 || len(w.snapshots()) != 0 {
		t.Errorf("%+v, left %v", r, w.snapshots())
	}
	if r, _ := w.left(); r.Holds != 1 {
		t.Errorf("once more: %+v", r)
	}
}

func TestAStorageWithoutSnapshotsIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{Storages: []fakepve.Storage{
		{ID: "local", Type: "dir", Content: []string{"iso", "import"}, Total: 100 << 30},
		{ID: "thick", Type: "lvm", Content: []string{"images"}, Total: 400 << 30},
	}})
	w.cluster.Provider.Proxmox.Storage.Disks = "thick"
	w.mustUp()
	way, err := w.rescue().Keep(t.Context())
	if way != "" || !cannotSnapshot(err) || !strings.Contains(hintOf(err), "storage thick") {
		t.Errorf("%q, %v, hint %q", way, err, hintOf(err))
	}
}

func TestOnlyOurOwnVMIsKeptOrEntered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	w.ask(func(ctx context.Context, api API) (UPID, error) {
		return api.Configure(ctx, 9000, Options{"description": "somebody else's"})
	})
	w.pve.ForgetCalls()
	r := w.rescue()
	_, keep := r.Keep(t.Context())
	_, exec := r.Exec(t.Context(), "id")
	for _, err := range []error{keep, r.Drop(t.Context()), exec} {
		var foreign *NotOursError
		if !errors.As(err, &foreign) {
			t.Errorf("%v", err)
		}
	}
	if did := w.writes(); len(did) > 0 {
		t.Errorf("done to a VM that is not ours: %v", did)
	}
}

func TestAProgramIsRunThroughTheGuestAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	_, err := w.rescue().Exec(t.Context(), "id", "-u")
	if err == nil || !strings.Contains(err.Error(), "QEMU guest agent is not running") {
		t.Errorf("no agent: %v", err)
	}
	w.pve.Memory.Switch(fakepve.Switches{Exec: func(_ int, c fakepve.Command) (fakepve.Result, error) {
		if c.Argv[0] == "false" {
			return fakepve.Result{Exit: 1, Stderr: []byte("no\n")}, nil
		}
		return fakepve.Result{Stdout: []byte(strings.Join(c.Argv, "|"))}, nil
	}})
	if out, err := w.rescue().Exec(t.Context(), "id", "-u"); err != nil || string(out.Stdout) != "id|-u" {
		t.Errorf("%q, %v", out.Stdout, err)
	}
	var exit *machine.ExitError
	if _, err := w.rescue().Exec(t.Context(), "false"); !errors.As(err, &exit) || exit.Code != 1 || exit.Stderr != "no\n" {
		t.Errorf("%v", err)
	}
}
