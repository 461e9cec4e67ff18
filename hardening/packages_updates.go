package hardening

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// listLife is how long a list counts whose archive does not say so itself.
const listLife = 14 * secondsOfDay

func checkSecurityUpdates(f *facts.Facts, _ Policy) Verdict {
	u := f.Updates
	if len(u.Lists) == 0 {
		return unknown("/var/lib/apt/lists has no list of a security archive")
	}
	packages := 0
	for _, l := range u.Lists {
		until := l.ValidUntil
		if until == 0 {
			until = l.Date + listLife
		}
		if f.System.UnixTime > until {
			return unknown(fmt.Sprintf("%s is out of date since %s", l.File, dateOf(until)))
		}
		packages += l.Packages
	}
	if packages == 0 {
		return unknown("the lists of the security archive name no package")
	}
	var wrong []string
	for _, p := range u.Pending {
		wrong = append(wrong, fmt.Sprintf("%s %s, the security archive has %s", p.Package, p.Installed, p.Available))
	}
	have := "no update is pending"
	if len(wrong) > 0 {
		have = fmt.Sprintf("%d security updates are pending", len(wrong))
	}
	return decide(wrong, have, "")
}

func dateOf(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.DateOnly) }

// lastConf is the value of one of apt's settings, "" where it has none.
func lastConf(f *facts.Facts, key string) string {
	values := f.Apt.Conf[key]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// isOn reads a value as apt does.
func isOn(value string) bool {
	return slices.Contains([]string{"1", "yes", "true", "on", "with", "enable"}, strings.ToLower(value))
}

// upgradeSettings are what is wrong with the settings.
func upgradeSettings(f *facts.Facts) []string {
	var wrong []string
	if value := lastConf(f, "apt::periodic::enable"); value == "0" { // then the timers start a script that ends at once
		wrong = append(wrong, fmt.Sprintf("apt::periodic::enable is %q", value))
	}
	for _, key := range []string{"apt::periodic::update-package-lists", "apt::periodic::unattended-upgrade"} {
		// A number of days, or "always".
		if value := lastConf(f, key); value == "" || value == "0" {
			wrong = append(wrong, fmt.Sprintf("%s is %q", key, value))
		}
	}
	origins := append(slices.Clone(f.Apt.Conf["unattended-upgrade::origins-pattern"]), f.Apt.Conf["unattended-upgrade::allowed-origins"]...)
	if !slices.ContainsFunc(origins, func(o string) bool { return strings.Contains(strings.ToLower(o), "security") }) {
		wrong = append(wrong, "unattended-upgrade::origins-pattern names no security archive")
	}
	if !slices.Contains(f.Apt.Conf["dpkg::options"], "--force-confold") {
		wrong = append(wrong, "dpkg::options has no --force-confold: a file that k3sedge changed holds the update of its package back")
	}
	if value := lastConf(f, "unattended-upgrade::automatic-reboot"); isOn(value) {
		wrong = append(wrong, fmt.Sprintf("unattended-upgrade::automatic-reboot is %q", value))
	}
	return wrong
}

func checkUpgrades(f *facts.Facts, _ Policy) Verdict {
	if f.Apt.Conf == nil {
		return unknown("the agent did not read apt's configuration")
	}
	wrong := upgradeSettings(f)
	if f.Packages[upgradesPackage] == "" {
		wrong = append(wrong, upgradesPackage+" is not installed")
	}
	for _, name := range upgradeTimers() {
		if u := f.Units[name]; u.State != "enabled" || u.Active != "active" {
			wrong = append(wrong, unitLine(f, name))
		}
	}
	return decide(wrong, inShort(wrong, upgradesPackage+" "+f.Packages[upgradesPackage]+", both timers run"), "")
}

// mendUpgrades sets what is to be set and starts the timers. To install a
// package, and to unmask what somebody has masked, is the user's.
func mendUpgrades(f *facts.Facts, _ Policy) Mend {
	var m Mend
	if f.Packages[upgradesPackage] == "" {
		m.Advice = append(m.Advice, "`apt-get install "+upgradesPackage+"` on the node, then `k3sedge harden` again")
		return m
	}
	if len(upgradeSettings(f)) > 0 && differs(f.Files[upgradesFile], upgradesText, 0o644) {
		m.Files = append(m.Files, facts.FileChange{Path: upgradesFile, Content: upgradesText, Mode: 0o644})
	}
	for _, name := range upgradeTimers() {
		switch u := f.Units[name]; {
		case u.State == "disabled" || u.State == "enabled" && u.Active != "active":
			m.Units = append(m.Units, facts.UnitChange{Name: name, Action: "start"})
		case u.State != "enabled":
			m.Advice = append(m.Advice, fmt.Sprintf("`systemctl unmask %s && systemctl enable --now %s`", name, name))
		}
	}
	return m
}

func checkReboot(f *facts.Facts, _ Policy) Verdict {
	k := f.Kernels
	if k.Running == "" || k.NewestVersion == "" {
		return unknown(fmt.Sprintf("the running kernel %s is none of Debian's, or no package of it is installed", f.System.Kernel))
	}
	var wrong []string
	if k.Running != k.NewestVersion {
		wrong = append(wrong, fmt.Sprintf("runs %s, installed is %s %s", k.Running, k.Newest, k.NewestVersion))
	}
	if k.Reboot {
		wrong = append(wrong, "/run/reboot-required: "+strings.Join(k.For, " "))
	}
	return decide(wrong, k.Newest+" "+k.Running, "")
}
