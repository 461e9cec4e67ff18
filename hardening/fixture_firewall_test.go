package hardening

import (
	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// addFirewallFacts are K3s' own rules, and what all tables together do with
// the packets that the agent is asked about.
func addFirewallFacts(f *facts.Facts, p Policy) {
	f.Firewall.Kube, f.Firewall.Flannel, f.Firewall.Links = 32, 2, []string{"lo", "eth0", "cni0", "flannel.1"}
	for range p.doubted() {
		f.Firewall.Decisions = append(f.Firewall.Decisions, firewall.Decision{Verdict: firewall.Accepted, Table: "inet k3sedge", Chain: "input"})
	}
	f.Units[k3sServerUnit] = facts.Unit{State: "enabled", Active: "active"}
	f.Listeners = append(f.Listeners, facts.Listener{Proto: "tcp", Address: "127.0.0.1", Port: 10249, Process: "k3s-server", PID: 900})
}
