package hardening

import (
	"maps"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Part is a part of the facts that a control cannot do without, under its JSON name.
type Part string

// The parts of the facts.
const (
	PartSystem    Part = "system"
	PartSession   Part = "session"
	PartSSHD      Part = "sshd"
	PartOffer     Part = "offer"
	PartDaemon    Part = "daemon"
	PartHostKeys  Part = "hostKeys"
	PartModuli    Part = "moduli"
	PartLogins    Part = "logins"
	PartFirewall  Part = "firewall"
	PartUnits     Part = "units"
	PartSysctls   Part = "sysctls"
	PartFiles     Part = "files"
	PartListeners Part = "listeners"
	PartPending   Part = "pending"
	PartWire      Part = "wire"
	PartPackages  Part = "packages"
	PartStats     Part = "stats"
	PartAccounts  Part = "accounts"
	PartSudo      Part = "sudo"
	PartModules   Part = "modules"
	PartFailed    Part = "failedUnits"
	PartClock     Part = "clock"
	PartJournal   Part = "journal"
	PartApt       Part = "apt"
	PartUpdates   Part = "updates"
	PartKernels   Part = "kernels"
	PartIntegrity Part = "integrity"
	PartMounts    Part = "mounts"
	PartDeep      Part = "deep"
)

// gaps are the reasons for which the control cannot be judged.
func (c Control) gaps(f *facts.Facts) []string {
	var out []string
	for _, part := range c.Needs {
		if gap := partGap(f, part); gap != "" {
			out = append(out, gap)
		}
	}
	if len(out) > 0 {
		return out
	}
	return slices.Concat(
		entryGaps(f, PartFiles, c.Files, f.Files), entryGaps(f, PartSysctls, c.Sysctls, f.Sysctls), entryGaps(f, PartUnits, c.Units, seenUnits(f)),
		entryGaps(f, PartStats, c.Stats, seenStats(f)))
}

// entryGaps are the entries of a part that were asked for and not answered.
func entryGaps[T any](f *facts.Facts, part Part, asked []string, answered map[string]T) []string {
	var out []string
	for _, entry := range asked {
		if _, ok := answered[entry]; !ok {
			out = append(out, entryGap(f, part, entry))
		}
	}
	return out
}

// seenUnits are the units of which the agent said something: one that is in
// no state at all was not looked at.
func seenUnits(f *facts.Facts) map[string]facts.Unit {
	seen := maps.Clone(f.Units)
	maps.DeleteFunc(seen, func(_ string, u facts.Unit) bool { return u.Active == "" })
	return seen
}

// seenStats are the paths of which the agent said something.
func seenStats(f *facts.Facts) map[string]facts.Stat {
	seen := maps.Clone(f.Stats)
	maps.DeleteFunc(seen, func(_ string, s facts.Stat) bool { return s.Kind == "" })
	return seen
}

// entryGap says why one entry of a part is missing from it.
func entryGap(f *facts.Facts, part Part, entry string) string {
	name := string(part) + " " + entry
	for _, p := range f.Problems {
		if p.Part == name {
			return p.Part + ": " + p.Error
		}
	}
	return name + ": " + notAsked(part)
}

// partGap says why a part is missing or not to be relied on, or "".
func partGap(f *facts.Facts, part Part) string {
	for _, p := range f.Problems {
		if p.Part == string(part) {
			return p.Part + ": " + p.Error
		}
	}
	seen := map[Part]bool{
		PartSystem:    f.System != nil && f.System.BootID != "",
		PartSession:   f.Session != nil,
		PartSSHD:      f.SSHD != nil,
		PartOffer:     f.Offer != nil && len(f.Offer.KeyExchanges) > 0,
		PartDaemon:    f.Daemon != nil,
		PartHostKeys:  len(f.HostKeys) > 0,
		PartModuli:    f.Moduli != nil && f.Moduli.File != "",
		PartLogins:    f.Logins != nil,
		PartFirewall:  f.Firewall != nil,
		PartUnits:     len(f.Units) > 0, // systemd without a single unit was not looked at
		PartSysctls:   f.Sysctls != nil,
		PartListeners: len(f.Listeners) > 0, // sshd's own is always among them
		PartWire:      f.Wire != nil,
		PartFiles:     f.Files != nil,
		PartK3s:       f.K3s != nil,
		PartPending:   true, // nil is an answer: nothing waits
		PartPackages:  len(f.Packages) > 0,
		PartStats:     f.Stats != nil,
		PartAccounts:  f.Accounts != nil && len(f.Accounts.Users) > 0,
		PartSudo:      f.Sudo != nil,
		PartModules:   len(f.Modules) > 0,
		PartFailed:    f.FailedUnits != nil,
		PartClock:     f.Clock != nil,
		PartJournal:   f.Journal != nil,
		PartApt:       f.Apt != nil,
		PartUpdates:   f.Updates != nil,
		PartKernels:   f.Kernels != nil,
		PartIntegrity: f.Integrity != nil,
		PartMounts:    len(f.Mounts) > 0, // the root is always mounted
		PartDeep:      f.Deep != nil && f.Deep.Paths > 0,
	}
	if seen[part] || clusterSeen(f.Cluster)[part] || f.Cluster == nil && part.ofCluster() {
		return "" // for a cluster that told nothing at all, PartCluster speaks
	}
	return string(part) + ": " + notAsked(part)
}

// ofCluster reports whether the part is one of several that the API tells.
func (p Part) ofCluster() bool { return strings.HasPrefix(string(p), string(PartCluster)+" ") }

func notAsked(part Part) string {
	if part == PartCluster || part.ofCluster() {
		return "the Kubernetes API was not asked"
	}
	return "the agent did not look at it"
}
