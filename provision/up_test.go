package provision

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

func TestUpMakesTwoMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	if err := w.proxmox().Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mustUp()
	if got := w.vms(); !maps.Equal(got, map[int]string{9000: "edge-1", 9001: "edge-2"}) {
		t.Fatalf("VMs are %v", got)
	}
	for id, name := range w.vms() {
		w.wantFinished(id, name)
	}
	for _, c := range w.pve.Calls() {
		if strings.Contains(c.Path, "nextid") {
			t.Error("nextid was asked, which reserves nothing")
		}
	}
	g1, _ := w.lan.boot("edge-1")
	g2, _ := w.lan.boot("edge-2")
	if g1.shown == g2.shown {
		t.Error("two machines have one host key")
	}
}

// wantFinished checks a machine at the end of its first boot.
func (w *world) wantFinished(id int, name string) {
	w.t.Helper()
	c := w.vmConfig(id)
	n, err := parseNote(c.Description)
	if err != nil || n != (note{Mark: mark{clusterID, name}, Phase: phaseDone}) {
		w.t.Errorf("%s: note %+v, %v", name, n, err)
	}
	if c.Cores != 2 || c.MemoryMiB != 2048 || !c.OnBoot || c.Devices["tags"] != "k3sedge" || c.Devices["scsi1"] != "none,media=cdrom" {
		w.t.Errorf("%s: config %+v", name, c)
	}
	if size, _ := diskSize(c.Devices["scsi0"]); size != 20<<30 {
		w.t.Errorf("%s: disk %s", name, c.Devices["scsi0"])
	}
	g, err := w.lan.boot(name)
	if err != nil {
		w.t.Fatal(err)
	}
	if g.shown == g.user.SSHKeys.Public || g.shown != g.file || g.files[cloudOff] == nil {
		w.t.Errorf("%s still has the seed's key, or cloud-init is on", name)
	}
	if keys, _ := w.pins.Pinned(name); !slices.Equal(keys, []string{g.shown}) {
		w.t.Errorf("%s: pinned are %v, the machine shows %s", name, keys, g.shown)
	}
}

func TestSecondUpAsksTwiceANodeAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	p := w.proxmox()
	w.pve.ForgetCalls()
	r, err := converge.Run(t.Context(), nil, &events{}, p.Stages()...)
	if err != nil || r.Changed != 0 {
		t.Errorf("second run: %+v, %v", r, err)
	}
	if calls := w.pve.Calls(); len(calls) != 1+2*2 || len(w.writes()) != 0 {
		t.Errorf("%d requests: %v", len(calls), calls)
	}
}

func TestPlanChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	e := &events{}
	r, err := converge.Run(t.Context(), nil, e, w.proxmox().PlanStages()...)
	if err != nil || r.Differs != 3 || r.Unknown != 0 || r.Failed != 0 {
		t.Errorf("plan of nothing: %+v, %v", r, err)
	}
	if got := strings.Join(e.changes(converge.StepDiffers), "\n"); !strings.Contains(got, "edge-1 machine/exists vm: absent ->") {
		t.Errorf("differences: %s", got)
	}
	if len(w.writes()) != 0 {
		t.Errorf("a plan wrote: %v", w.writes())
	}
	w.mustUp()
	w.pve.ForgetCalls()
	r, err = converge.Run(t.Context(), nil, e, w.proxmox().PlanStages()...)
	if err != nil || r.Holds != 2+2*len(machineSteps()) || len(w.writes()) != 0 {
		t.Errorf("plan of all: %+v, %v, %v", r, err, w.writes())
	}
}
