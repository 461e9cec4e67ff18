package facts

import "github.com/k3sedge/k3sedge/hardening/firewall"

// Firewall is the kernel's ruleset. Of the tables that are not ours only what
// controls ask for is told: K3s' own may have thousands of rules.
type Firewall struct {
	Own    *firewall.Table `json:"own"`    // table inet k3sedge; nil when there is none
	Wanted *firewall.Table `json:"wanted"` // Request.Ruleset as this kernel sees it
	// Foreign are the tables that are not ours, as "family name".
	Foreign []string `json:"foreign"`
	// Decisions are what all tables together do with each of Request.Packets,
	// in that order; nil where the agent could not judge them.
	Decisions []firewall.Decision `json:"decisions"`
	// Kube and Flannel count the chains that kube-proxy or the kubelet, and
	// flannel, keep in tables of their own kind.
	Kube    int `json:"kube"`
	Flannel int `json:"flannel"`
	// Breaks are the rules and chains in iptables' tables that iptables cannot read.
	Breaks []string `json:"breaks"`
	// Links are the host's interfaces by name.
	Links []string `json:"links"`
}
