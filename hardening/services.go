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
	return []Control{{
		ID: "SVC-02", Title: "Legacy and unneeded servers are gone", Severity: Medium,
		Why:   "what does not run cannot be broken into",
		Refs:  []string{"CIS Debian 12 2.1", "dev-sec package-01..06"},
		Needs: []Part{PartUnits}, Units: legacyUnits(),
		Check: checkServers, Mend: mendServers,
	}}
}

func checkServers(f *facts.Facts, _ Policy) Verdict {
	var wrong, names []string
	for _, s := range legacyServers() {
		for _, unit := range s.units {
			if u := f.Units[unit]; canStart(u) {
				wrong, names = append(wrong, fmt.Sprintf("%s: %s, %s", unit, stateOf(u), u.Active)), append(names, s.name)
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
// unit that it stands for.
func canStart(u facts.Unit) bool {
	if u.Active == "active" || u.Active == "activating" {
		return true
	}
	return u.State != "masked" && u.State != "alias" && u.State != facts.UnitNotFound
}

// mendServers masks, and removes no package: that is the user's.
func mendServers(f *facts.Facts, _ Policy) Mend {
	var m Mend
	for _, s := range legacyServers() {
		for _, unit := range s.units {
			u := f.Units[unit]
			if !canStart(u) {
				continue
			}
			if u.State != "masked" && u.State != facts.UnitNotFound {
				m.Units = append(m.Units, facts.UnitChange{Name: unit, Action: "disable"})
			}
			m.Units = append(m.Units, facts.UnitChange{Name: unit, Action: "mask"})
		}
	}
	return m
}
