package provision

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

func TestDriftIsShownAndMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{Bridges: []string{"vmbr0", "vmbr1"}})
	w.cluster.Nodes = w.cluster.Nodes[:1]
	w.mustUp()
	w.ask(func(ctx context.Context, api API) (UPID, error) {
		return api.Configure(ctx, 9000, Options{"onboot": 0, "tags": "mine", "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr1,firewall=1", "description": "my note\n" + w.vmConfig(9000).Description})
	})
	w.cluster.Nodes[0].Memory = 4 * inventory.GiB
	w.cluster.Nodes[0].Disk = 30 * inventory.GiB
	want := []string{
		"edge-1 machine/config memory: 2048 MiB -> 4096 MiB (takes effect at the machine's next restart)",
		"edge-1 machine/config network: bridge=vmbr1 -> bridge=vmbr0",
		"edge-1 machine/config start at boot: no -> yes",
		"edge-1 machine/config tag: mine -> k3sedge",
		"edge-1 machine/disk disk: 20G -> 30G (its file system does not grow by itself after the first boot)",
	}
	plan := &events{}
	if _, err := converge.Run(t.Context(), nil, plan, w.proxmox().PlanStages()...); err != nil {
		t.Fatal(err)
	}
	if got := plan.changes(converge.StepDiffers); !slices.Equal(got, want) {
		t.Errorf("plan:\n%s", strings.Join(got, "\n"))
	}
	w.pve.ForgetCalls()
	_, e := w.mustUp()
	if got := e.changes(converge.StepChanged); !slices.Equal(got, want) {
		t.Errorf("changed:\n%s", strings.Join(got, "\n"))
	}
	if got := w.writes(); len(got) != 2 {
		t.Errorf("writes: %v", got) // no stop, no start
	}
	c := w.vmConfig(9000)
	if c.MemoryMiB != 4096 || c.Devices["tags"] != "mine;k3sedge" || !strings.Contains(c.Devices["net0"], "BC:24:11:00:00:01") ||
		!strings.Contains(c.Devices["net0"], "firewall=1") || !strings.HasPrefix(c.Description, "my note\n") {
		t.Errorf("config is %+v", c)
	}
	if r, _ := w.mustUp(); r.Changed != 0 {
		t.Error("a further run changed something")
	}
}

func TestStoppedMachineIsStarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	w.ask(func(ctx context.Context, api API) (UPID, error) { return api.Stop(ctx, 9001) })
	e := &events{}
	if r, err := converge.Run(t.Context(), nil, e, w.proxmox().PlanStages()...); err != nil || r.Pending != 1 || r.Unknown != 0 {
		t.Errorf("plan: %+v, %v", r, err)
	}
	_, e = w.mustUp()
	if got := e.changes(converge.StepChanged); !slices.Equal(got, []string{"edge-2 machine/started power: stopped -> running"}) {
		t.Errorf("changed: %v", got)
	}
	for id, name := range w.vms() {
		w.wantFinished(id, name)
	}
}

// template makes VM 9010 a template with a small disk.
func (w *world) template(options Options) {
	w.t.Helper()
	w.mustUpImage()
	base := Options{"name": "debian-12", "pool": "k3sedge", "scsihw": "virtio-scsi-single", "net0": "virtio,bridge=vmbr0",
		"scsi0": "local-lvm:0,import-from=" + imageVolume(*w.cluster.Provider.Proxmox)}
	for k, v := range options {
		base[k] = v
	}
	w.ask(func(ctx context.Context, api API) (UPID, error) { return api.CreateVM(ctx, 9010, base) })
	w.ask(func(ctx context.Context, api API) (UPID, error) {
		return api.(*client).post(ctx, nil, "/nodes/pve/qemu/9010/template")
	})
	p := w.cluster.Provider.Proxmox
	p.Image, p.Template = nil, 9010
}

func (w *world) mustUpImage() {
	w.t.Helper()
	if _, err := converge.Run(w.t.Context(), nil, &events{}, w.proxmox().Stages()[0]); err != nil {
		w.t.Fatal(err)
	}
}

func TestClonesOfATemplate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.template(nil)
	if err := w.proxmox().Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mustUp()
	if len(w.vms()) != 3 {
		t.Errorf("VMs are %v", w.vms())
	}
	for id, name := range w.vms() {
		if id != 9010 {
			w.wantFinished(id, name)
		}
	}
	w.pve.ForgetCalls()
	if r, _ := w.mustUp(); r.Changed != 0 || len(w.writes()) != 0 {
		t.Errorf("second run changed %d: %v", r.Changed, w.writes())
	}
}

func TestTemplateWithTwoCards(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.template(Options{"net1": "virtio,bridge=vmbr0"})
	_, _, err := w.up()
	wantTrouble(t, err, []string{"more than one network card", "net1", "template 9010"})
}
