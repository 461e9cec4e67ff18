package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// server is a service that has no place on a node, and the units that start it.
type server struct {
	name  string
	units []string
}

// legacyServers are the services that nobody needs on a node. Servers that
// inetd starts (telnetd, rsh) have no unit of their own: their inetd goes.
func legacyServers() []server {
	return []server{
		{"avahi", []string{"avahi-daemon.service", "avahi-daemon.socket"}},
		{"CUPS", []string{"cups.service", "cups.socket", "cups.path", "cups-browsed.service"}},
		{"rpcbind", []string{"rpcbind.service", "rpcbind.socket"}},
		{"NFS server", []string{"nfs-server.service", "nfs-kernel-server.service"}},
		{"Samba", []string{"smbd.service", "nmbd.service", "samba-ad-dc.service"}},
		{"SNMP", []string{"snmpd.service", "snmptrapd.service", "snmptrapd.socket"}},
		{"FTP", []string{"vsftpd.service", "proftpd.service", "proftpd.socket", "pure-ftpd.service"}},
		{"TFTP", []string{"tftpd-hpa.service", "atftpd.service", "atftpd.socket"}},
		{"NIS", []string{"ypserv.service", "ypbind.service", "yppasswdd.service", "ypxfrd.service", "nis.service"}},
		{"telnet", []string{"telnet.socket", "telnetd.service"}},
		{"rsh", []string{"rsh.socket", "rlogin.socket", "rexec.socket"}},
		{"inetd", []string{"xinetd.service", "inetd.service", "openbsd-inetd.service", "inetutils-inetd.service"}},
		{"Bluetooth", []string{"bluetooth.service"}},
		{"ModemManager", []string{"ModemManager.service"}},
		{"X", []string{"display-manager.service", "gdm.service", "gdm3.service", "lightdm.service", "sddm.service", "xdm.service"}},
	}
}

// legacyUnits are the units of all of them.
func legacyUnits() []string {
	var units []string
	for _, s := range legacyServers() {
		units = append(units, s.units...)
	}
	return units
}

func serviceControls() []Control {
	return append(listenerControls(), []Control{
		{
			ID: "SVC-02", Title: "Legacy and unneeded servers are gone", Severity: Medium,
			Why:   "what does not run cannot be broken into",
			Want:  "avahi, CUPS, rpcbind, NFS, Samba, SNMP, FTP, TFTP, NIS, telnet, rsh, inetd, Bluetooth, ModemManager and X absent or masked",
			Refs:  []string{"CIS Debian 12 2.1", "dev-sec package-01..06", "lynis INSE-8000"},
			Needs: []Part{PartUnits}, Units: legacyUnits(),
			Check: checkServers, Mend: mendServers,
		},
		{
			ID: "SVC-04", Title: "No second container engine and no second firewall manager", Severity: Medium,
			Why:   "both write firewall rules and bridges of their own, over those of K3s and ours",
			Want:  "Docker, Podman, containerd and CRI-O of the distribution, ufw, firewalld and their like neither enabled nor running",
			Refs:  []string{"K3s docs, requirements: turn off ufw and firewalld", "k3s#7542"},
			Needs: []Part{PartUnits}, Units: secondManagers(),
			Conflict: "CIS Debian 13 demands ufw; ufw and firewalld flush or reorder the rules that kube-proxy needs, so that K3s wins",
			Check:    checkManagers,
			Advice:   "run `systemctl disable --now UNIT` for what is named, or purge its package, if nothing of yours runs in it",
		},
		{
			ID: "SVC-05", Title: "Proxmox can reach into the VM when SSH cannot", Severity: Medium,
			Why:   "the guest agent is the way back when nobody gets in by SSH any more",
			Want:  "qemu-guest-agent.service active",
			Refs:  []string{"Proxmox VE, Qemu-guest-agent"},
			When:  "the node is a VM on Proxmox",
			Needs: []Part{PartUnits, PartSystem}, Units: []string{guestAgent},
			Applies: onProxmox, Check: checkGuestAgent,
			Advice: "run `apt-get install qemu-guest-agent` and `systemctl start qemu-guest-agent`; the VM needs the option agent: 1",
		},
		{
			ID: "SVC-06", Title: "Nothing has failed, and no key opens a shell or restarts", Severity: Low,
			Why:   "a failed unit is work that is not done; a debug shell is root without a password, and Ctrl-Alt-Del is for whoever is at the console",
			Want:  "no failed unit, debug-shell.service off, ctrl-alt-del.target masked",
			Refs:  []string{"dev-sec (ctrl-alt-del)", "lynis BOOT-5202"},
			Needs: []Part{PartUnits, PartFailed}, Units: []string{debugShell, ctrlAltDel},
			Check: checkFailed, Mend: mendFailed,
		},
	}...)
}

func checkServers(f *facts.Facts, _ Policy) Verdict {
	var wrong, names []string
	for _, s := range legacyServers() {
		for _, unit := range s.units {
			u := f.Units[unit]
			if u.State == "alias" && f.Units[u.AliasOf].Active == "" {
				return unknown(unit + ": the agent did not say what it stands for")
			}
			if canStart(f, unit) {
				wrong, names = append(wrong, unitLine(f, unit)), append(names, s.name)
			}
		}
	}
	have := "none"
	if len(names) > 0 {
		have = strings.Join(slices.Compact(names), ", ")
	}
	return decide(wrong, have, "absent or masked")
}

// canStart reports whether a unit runs or could. An alias is judged by the
// unit that it stands for, once.
func canStart(f *facts.Facts, unit string) bool {
	u := f.Units[unit]
	if u.State == "alias" {
		if slices.Contains(legacyUnits(), u.AliasOf) {
			return false
		}
		u = f.Units[u.AliasOf]
	}
	return isRunning(u) || u.State != "masked" && u.State != facts.UnitNotFound
}

func isRunning(u facts.Unit) bool { return u.Active == "active" || u.Active == "activating" }

func unitLine(f *facts.Facts, unit string) string {
	u := f.Units[unit]
	if u.State == "alias" {
		return unit + ": stands for " + unitLine(f, u.AliasOf)
	}
	return fmt.Sprintf("%s: %s, %s", unit, stateOf(u), u.Active)
}

// mendServers masks, and removes no package: that is the user's. So is a unit
// that he has made himself, or that nobody here knows.
func mendServers(f *facts.Facts, _ Policy) Mend {
	var m Mend
	for _, unit := range legacyUnits() {
		u := f.Units[unit]
		switch {
		case !canStart(f, unit):
		case u.State == "alias":
			m.Blocked = append(m.Blocked, fmt.Sprintf("%s stands for %s: run `systemctl disable --now %s` and `systemctl mask %s` if nobody needs it", unit, u.AliasOf, u.AliasOf, u.AliasOf))
		case u.InTheWay != "":
			m.Blocked = append(m.Blocked, fmt.Sprintf("%s cannot be masked, for %s stands there: run `systemctl disable --now %s` and take the file away", unit, u.InTheWay, unit))
		default:
			m.Units = append(m.Units, turnOff(unit, u)...)
		}
	}
	return m
}

// turnOff stops a unit for good. Where there is no file to disable, masking stops it too.
func turnOff(unit string, u facts.Unit) []facts.UnitChange {
	mask := []facts.UnitChange{{Name: unit, Action: "mask"}}
	if u.State == "masked" || u.State == facts.UnitNotFound {
		return mask
	}
	return append([]facts.UnitChange{{Name: unit, Action: "disable"}}, mask...)
}
