//go:build linux && vagrant

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// ofItsOwnKernel are the controls that a container of the lab has nothing for.
const ofItsOwnKernel = "KRN-07 KRN-08 KRN-09 KRN-11 KRN-12"

// TestWholeMachine makes one machine with a kernel, a disk and a disc drive of
// its own behind the stand-in for Proxmox, and hardens it. Emulated it takes
// some ten minutes, so that it is left out unless the tag vagrant asks for it.
func TestWholeMachine(t *testing.T) {
	s := newLab(t, "e2e-whole", lab.WithMachines(lab.MachinesLibvirt, "bookworm"))
	s.edit(t, `(?s)    - name: edge-2\n.*?(waivers:|$)`, "      cpus: 2\n      memory: 2GiB\n$1")
	s.cluster.Nodes = s.cluster.Nodes[:1]
	s.must(0, "up", "--wait", "15m")
	// A disc drive, and the machine's own cloud-init that found the seed in it.
	found := s.onNode(0, `ls -l /dev/sr0; sudo grep -ho 'Datasource DataSource.*' /var/log/cloud-init.log`)
	if !strings.Contains(found, "DataSourceNoCloud [seed=/dev/sr0]") {
		t.Errorf("cloud-init has not read the disc:\n%s", found)
	}
	t.Run("the kernel's controls are judged", func(t *testing.T) { judgedWhole(t, s.on(t)) })
	t.Run("a restart through the API", func(t *testing.T) {
		s := s.on(t)
		before := s.bootID()
		s.reboot()
		eventually(t, "the machine comes back", 10*time.Minute, func() bool {
			r := s.ssh(0, bootID)
			return r.code == 0 && r.stdout != before
		})
		judgedWhole(t, s)
	})
	t.Run("down", func(t *testing.T) {
		s := s.on(t)
		s.must(0, "down", "--yes")
		if left := s.vms(); len(left) != 0 {
			t.Errorf("left after down: %v", left)
		}
	})
}

// judgedWhole wants no finding, and the controls to pass that only a whole
// machine can.
func judgedWhole(t *testing.T, s *site) {
	t.Helper()
	findings := s.audit(0)["edge-1"]
	for _, id := range strings.Fields(ofItsOwnKernel) {
		if f := findings[id]; f.Status != hardening.Pass {
			t.Errorf("%s is %s: have %q, want %q: %s", id, f.Status, f.Have, f.Want, strings.Join(f.Evidence, "; "))
		}
	}
}

// bootID changes with each boot.
const bootID = "cat /proc/sys/kernel/random/boot_id"

func (s *site) bootID() string { return s.onNode(0, bootID) }

// reboot has the Proxmox stand-in restart the machine, as its user would.
func (s *site) reboot() {
	s.t.Helper()
	status, err := s.lab.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	at := slices.IndexFunc(status.Machines, func(m lab.MachineStatus) bool { return m.Name == "edge-1" })
	if at < 0 {
		s.t.Fatalf("no edge-1 among %v", status.Machines)
	}
	url := fmt.Sprintf("%s/api2/json/nodes/pve/qemu/%s/status/reboot", status.Proxmox, status.Machines[at].ID)
	script := `curl -ksS -f -X POST -H "Authorization: PVEAPIToken=$1=$(cat "$2")" "$3"`
	out, err := s.lab.Exec(s.t.Context(), "sh", "-c", script, "reboot", status.TokenID, filepath.Join(s.dir, "proxmox-token"), url)
	var task struct{ Data string }
	if err == nil {
		err = json.Unmarshal(out, &task)
	}
	if err != nil || !strings.HasPrefix(task.Data, "UPID:") {
		s.t.Fatalf("restart through the API: %s: %v", out, err)
	}
}
