//go:build linux

package lab

import (
	"os"
	"slices"
	"strconv"
	"testing"
)

func TestAResidentSeesTheFoldersOfItsLibvirt(t *testing.T) {
	t.Parallel()
	v := virt{dir: t.TempDir()}
	if pids, err := v.residents(); err != nil || len(pids) != 0 {
		t.Errorf("a libvirt that was never made has residents: %v, %v", pids, err)
	}
	if err := v.furnish(); err != nil {
		t.Fatal(err)
	}
	pids, err := v.residents()
	if err != nil || slices.Contains(pids, os.Getpid()) {
		t.Errorf("this test, process %s, sees the folders of %s: %v, %v", strconv.Itoa(os.Getpid()), v.dir, pids, err)
	}
	if err := v.stop(t.Context()); err != nil {
		t.Errorf("stop what never ran: %v", err)
	}
	if _, err := v.command(t.Context(), "virsh"); err == nil {
		t.Error("a command beside a libvirt that does not run")
	}
}

func TestWholeMachinesAreRefusedInTime(t *testing.T) {
	t.Parallel()
	l, err := Open("refused", WithMachines(MachinesLibvirt, "sid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.ableVirt(); err == nil {
		t.Error("a suite that nobody has built is taken")
	}
	if plain, err := Open("plain", WithMachines(MachinesNspawn, "sid")); err != nil || plain.ableVirt() != nil {
		t.Errorf("containers need nothing of libvirt: %v", err)
	}
}
