package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	guestAgent = "qemu-guest-agent.service"
	debugShell = "debug-shell.service"
	ctrlAltDel = "ctrl-alt-del.target"
)

// secondManagers are the units of what would do K3s' work, or our firewall's, again.
func secondManagers() []string {
	return append([]string{
		"docker.service", "docker.socket", "podman.service", "podman.socket", "containerd.service", "crio.service", "cri-docker.service",
	}, otherManagers()...)
}

func checkManagers(f *facts.Facts, _ Policy) Verdict {
	var wrong []string
	for _, unit := range secondManagers() {
		if u := f.Units[unit]; isEnabled(u) || isRunning(u) {
			wrong = append(wrong, unitLine(f, unit))
		}
	}
	return decide(wrong, fmt.Sprintf("enabled or running: %d", len(wrong)), "none enabled or running")
}

func onProxmox(f *facts.Facts, p Policy) (bool, string) {
	if !p.Proxmox {
		return false, "k3sedge.yaml names no Proxmox: there is nobody to ask the guest agent"
	}
	c := f.System.Container
	return c == "" || c == "none", "a container (" + c + ") has no port for the guest agent"
}

func checkGuestAgent(f *facts.Facts, _ Policy) Verdict {
	var wrong []string
	if !isRunning(f.Units[guestAgent]) {
		wrong = []string{unitLine(f, guestAgent)}
	}
	return decide(wrong, unitLine(f, guestAgent), "active")
}

func checkFailed(f *facts.Facts, _ Policy) Verdict {
	var wrong []string
	for _, unit := range f.FailedUnits {
		wrong = append(wrong, unit+": failed")
	}
	if u := f.Units[debugShell]; isEnabled(u) || isRunning(u) {
		wrong = append(wrong, unitLine(f, debugShell))
	}
	if u := f.Units[ctrlAltDel]; u.State != "masked" && u.State != facts.UnitNotFound {
		wrong = append(wrong, ctrlAltDel+": "+stateOf(u))
	}
	return decide(wrong, fmt.Sprintf("failed: %d, %s %s, %s %s", len(f.FailedUnits), debugShell, stateOf(f.Units[debugShell]), ctrlAltDel, stateOf(f.Units[ctrlAltDel])),
		"none failed, debug-shell.service off, ctrl-alt-del.target masked")
}

func mendFailed(f *facts.Facts, _ Policy) Mend {
	var m Mend
	for _, unit := range []string{debugShell, ctrlAltDel} {
		u := f.Units[unit]
		switch {
		case u.State == "masked" && !isRunning(u), u.State == facts.UnitNotFound && !isRunning(u):
		case unit == debugShell && !isEnabled(u) && !isRunning(u):
		case u.InTheWay != "":
			m.Blocked = append(m.Blocked, fmt.Sprintf("%s cannot be masked: take %s away", unit, u.InTheWay))
		default:
			m.Units = append(m.Units, facts.UnitChange{Name: unit, Action: "mask"})
		}
	}
	if len(f.FailedUnits) > 0 {
		m.Advice = append(m.Advice, fmt.Sprintf("see why with `systemctl status %s`; `systemctl reset-failed` forgets what is mended", strings.Join(slices.Sorted(slices.Values(f.FailedUnits)), " ")))
	}
	return m
}
