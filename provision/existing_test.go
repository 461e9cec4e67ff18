package provision

import (
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

func TestExistingMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakepve.Options{})
	w.mustUp()
	cfg := w.config()
	cfg.Cluster.Provider = inventory.Provider{Existing: &inventory.Existing{}}
	for name, stages := range map[string][]converge.Stage{"up": ExistingStages(cfg), "plan": ExistingPlanStages(cfg)} {
		if r, err := converge.Run(t.Context(), nil, &events{}, stages...); err != nil || r.Holds != 2 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	w.lan.dead = true
	w.lan.guests = nil
	if r, err := converge.Run(t.Context(), nil, &events{}, ExistingPlanStages(cfg)...); err != nil || r.Unknown != 2 {
		t.Errorf("plan of dead machines: %+v, %v", r, err)
	}
	_, err := converge.Run(t.Context(), nil, &events{}, ExistingStages(cfg)...)
	if machine.StateOf(err) != machine.NoRoute || !strings.Contains(hintOf(err), "k3sedge trust") {
		t.Errorf("up of dead machines: %v (%s)", err, hintOf(err))
	}
	if _, err := NewProxmox(cfg); err == nil {
		t.Error("existing machines were taken for Proxmox")
	}
}
