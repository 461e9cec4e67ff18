package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// The files and the unit that load the firewall at boot.
const (
	nftConfig   = "/etc/nftables.conf"
	nftFolder   = "/etc/nftables.d"
	nftFiles    = nftFolder + "/*.nft"
	rulesetFile = nftFolder + "/k3sedge.nft"
	nftUnit     = "nftables.service"
	nftStart    = "/usr/sbin/nft -f " + nftConfig // what the unit does at boot
	nftUnitFile = "/etc/systemd/system/nftables.service.d/k3sedge.conf"

	nftConfigText = "#!/usr/sbin/nft -f\n" +
		"# Written by k3sedge; put rules of your own into files beside k3sedge.nft.\n" +
		"# Never flush the ruleset here: K3s keeps its rules in the same kernel.\n" +
		"include \"" + nftFolder + "/*.nft\"\n"
	nftUnitText = "# Written by k3sedge: stopping this unit takes away our table, not everybody's rules.\n" +
		"[Service]\nExecStop=\nExecStop=-/usr/sbin/nft delete table inet k3sedge\n"
)

// ruleset renders the wanted firewall: a port that nothing needs stays closed.
func ruleset(p Policy) (string, error) {
	want := firewall.Policy{SSHPort: uint16(p.SSHPort), AdminSources: p.AllowFrom, Open: p.open()}
	if p.Cluster != nil {
		want.Pods = &p.Cluster.Pods
	}
	return firewall.Render(want)
}

func checkTable(f *facts.Facts, _ Policy) Verdict {
	const want = "table inet k3sedge as rendered"
	switch {
	case f.Firewall.Wanted == nil:
		return unknown("the agent could not try the wanted ruleset")
	case f.Firewall.Own == nil:
		return decide([]string{fmt.Sprintf("no table inet k3sedge; tables of others: %q", f.Firewall.Foreign)}, "no table", want)
	}
	if equal, differences := firewall.Equal(f.Firewall.Wanted, f.Firewall.Own); !equal {
		return decide(append([]string{"table inet k3sedge in the kernel:"}, differences...), "a modified table", want)
	}
	return decide(nil, "the wanted table", want)
}

// checkDefault looks at our own chains only: a drop there is final, whatever
// the chains of others accept.
func checkDefault(f *facts.Facts, _ Policy) Verdict {
	const want = "filter input priority -10 policy drop"
	if f.Firewall.Own == nil || f.Firewall.Own.Dormant {
		return decide([]string{"no table inet k3sedge, or a dormant one"}, "no input chain of ours at work", want)
	}
	have := []string{}
	for _, c := range f.Firewall.Own.Chains {
		if c.Hook == "input" {
			have = append(have, fmt.Sprintf("%s input priority %d policy %s", c.Type, c.Priority, c.Policy))
		}
	}
	if slices.Contains(have, want) {
		return decide(nil, want, want)
	}
	return decide(append([]string{"no such chain in table inet k3sedge"}, have...), strings.Join(have, "; "), want)
}

func checkPending(f *facts.Facts, _ Policy) Verdict {
	if f.Pending == nil {
		return decide(nil, "none"+lastChange(f.Last), "none")
	}
	left := fmt.Sprintf("transaction %s, %s to its end", f.Pending.ID, remaining(f))
	return decide([]string{left}, left, "none")
}
