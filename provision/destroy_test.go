package provision

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

func TestDestroy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	if err := w.pve.AddForeignVM(9002); err != nil {
		t.Fatal(err)
	}
	w.mustUp()
	w.cluster.Nodes = w.cluster.Nodes[:1] // a node that left the inventory is ours all the same
	doomed, err := w.proxmox().DestroyPlan(t.Context())
	if err != nil || len(doomed) != 2 {
		t.Fatalf("%+v, %v", doomed, err)
	}
	if d := doomed[0]; d.VMID != 9000 || d.Name != "edge-1" || d.Mark != "k3sedge/"+clusterID+"/edge-1" || !d.Running || len(d.Disks) != 1 || !strings.HasPrefix(d.Disks[0], "local-lvm:") {
		t.Errorf("plan: %+v", d)
	}
	if err := w.proxmox().Destroy(t.Context(), nil, &events{}, doomed); err != nil {
		t.Fatal(err)
	}
	if got := w.vms(); len(got) != 1 || got[9002] == "" {
		t.Errorf("left: %v", got)
	}
	if len(w.pins.keys) != 0 {
		t.Errorf("pins: %v", w.pins.keys)
	}
	volumes, err := w.proxmox().api.Volumes(t.Context(), "local", "import")
	if err != nil || len(volumes) != 1 {
		t.Errorf("the image is gone: %v, %v", volumes, err)
	}
	if doomed, err = w.proxmox().DestroyPlan(t.Context()); err != nil || len(doomed) != 0 {
		t.Errorf("second plan: %v, %v", doomed, err)
	}
	w.mustUp() // and everything can be made again
}

func TestDestroyBlanksASeedThatWasNotUsedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.cluster.Nodes = w.cluster.Nodes[:1]
	w.lan.dead = true
	if _, _, err := w.up(); err == nil {
		t.Fatal("a dead machine was set up")
	}
	p := w.proxmox()
	doomed, err := p.DestroyPlan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Destroy(t.Context(), nil, &events{}, doomed); err != nil {
		t.Fatal(err)
	}
	blank, err := blankISO(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := p.api.Volumes(t.Context(), "local", "iso")
	if err != nil || len(volumes) != 1 || volumes[0].Size != int64(len(blank)) {
		t.Errorf("the seed is still there: %v, %v", volumes, err)
	}
}

// TestDestroyStopsBetweenTwoMachines: what was begun is finished.
func TestDestroyStopsBetweenTwoMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	doomed, err := w.proxmox().DestroyPlan(t.Context())
	if err != nil || len(doomed) != 2 {
		t.Fatalf("%v, %v", doomed, err)
	}
	stop := make(chan struct{})
	stopping := sync.OnceFunc(func() { close(stop) })
	w.beforeAct = func(at string) error {
		if at == "wait qmstop" {
			stopping()
		}
		return nil
	}
	e := &events{}
	err = w.proxmox().Destroy(t.Context(), stop, e, doomed)
	w.beforeAct = nil
	if !errors.Is(err, converge.ErrStopped) {
		t.Errorf("stopped, and told %v", err)
	}
	if got := w.vms(); !maps.Equal(got, map[int]string{9001: "edge-2"}) {
		t.Errorf("left: %v", got)
	}
	if got := e.changes(converge.StepChanged); len(got) != 1 || !strings.HasPrefix(got[0], "edge-1 machine/destroyed VM 9000") {
		t.Errorf("told: %q", got)
	}
}

// TestDestroyComparesAgain: what changed hands between the plan and the answer
// of the user is left alone.
func TestDestroyComparesAgain(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"renamed":   {"name": "precious"},
		"unmarked":  {"description": "precious"},
		"protected": {"protection": 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fakepve.Options{})
			w.mustUp()
			doomed, err := w.proxmox().DestroyPlan(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.ask(func(ctx context.Context, api API) (UPID, error) { return api.Configure(ctx, 9000, options) })
			w.state = t.TempDir() // nor does it need the journal for that
			err = w.proxmox().Destroy(t.Context(), nil, &events{}, doomed)
			var not *NotOursError
			if err == nil || hintOf(err) == "" || name != "protected" && !errors.As(err, &not) {
				t.Errorf("%v (%s)", err, hintOf(err))
			}
			if got := w.vms(); len(got) != 1 || got[9000] == "" {
				t.Errorf("left: %v", got)
			}
		})
	}
}

func TestAnotherClusterIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	before := w.vms()
	w.cluster.ID, w.state, w.pins.keys = "another-cluster", t.TempDir(), map[string][]string{}
	for id := range before { // the lan knows machines by their names
		w.ask(func(ctx context.Context, api API) (UPID, error) { return api.Stop(ctx, id) })
	}
	doomed, err := w.proxmox().DestroyPlan(t.Context())
	if err != nil || len(doomed) != 0 {
		t.Errorf("%v, %v", doomed, err)
	}
	w.mustUp()
	after := w.vms()
	maps.DeleteFunc(after, func(id int, _ string) bool { return before[id] != "" })
	if len(after) != 2 {
		t.Errorf("the other cluster has %v", after)
	}
	for id := range before {
		if n, _ := parseNote(w.vmConfig(id).Description); n.Mark.Cluster != clusterID {
			t.Errorf("VM %d carries %v", id, n)
		}
	}
}
