package hardening

import (
	"github.com/k3sedge/k3sedge/hardening/facts"
)

// reloads is the mend of what a table of ours that is as rendered cannot have.
func reloads(*facts.Facts, Policy) Mend { return Mend{Ruleset: true} }

// firewallControls are those of every node; what they say of packets is said
// of the matrix of paths.
func firewallControls() []Control {
	return append(pathControls(), []Control{
		{
			ID: "FW-01", Title: "Our own table is there and unmodified", Severity: Critical,
			Why:      "a rule that somebody added by hand is gone at the next restart, or worse, is not",
			Want:     "table inet k3sedge in the kernel is exactly the one that the inventory renders",
			Refs:     []string{"CIS Debian 12 4.3.4", "CIS Debian 12 4.3.5", "CIS Debian 13 4.1", "lynis FIRE-4590"},
			Conflict: "CIS Debian 13 knows ufw only, and K3s' documentation asks to turn ufw off: k3sedge keeps a table of its own, beside K3s' and never in it.",
			Needs:    []Part{PartFirewall}, Check: checkTable, Mend: reloads,
		},
		{
			ID: "FW-02", Title: "Input is dropped by default, at the right hook", Severity: Critical,
			Why:      "what nobody thought of must stay closed",
			Want:     "a chain of ours at hook input, priority filter - 10, with policy drop; a drop there is final, whatever other tables accept",
			Refs:     []string{"CIS Debian 12 4.3.8", "dev-sec os firewall", "lynis FIRE-4512"},
			Conflict: "CIS Debian 12 4.3.8 wants policy drop for output too, which K3s' images, DNS and certificates do not survive: output stays open. Audits that look for `policy drop` alone pass a chain whose first rule accepts everything; FW-03 asks packets.",
			Needs:    []Part{PartFirewall}, Check: checkDefault, Mend: reloads,
		},
		{
			ID: "FW-14", Title: "The firewall survives a restart", Severity: High,
			Why:   "a node that boots without its firewall is open until somebody looks",
			Want:  "nftables.service is enabled and loads, through " + nftConfig + ", the ruleset that runs; only root writes its files",
			Refs:  []string{"CIS Debian 12 4.3.9", "CIS Debian 12 4.3.10"},
			Needs: []Part{PartFirewall, PartUnits, PartFiles}, Files: []string{nftConfig, rulesetFile, nftFiles}, Units: []string{nftUnit},
			Check: checkBoot, Mend: mendBoot,
		},
		{
			ID: "FW-15", Title: "Nothing flushes the ruleset", Severity: High,
			Why:      "one `flush ruleset` takes K3s' rules with it, and its network until a restart",
			Want:     "no `flush ruleset` in what nftables.service loads or runs at its stop, no other firewall manager enabled or active",
			Refs:     []string{"k3s#7542", "rke2#10469", "kubernetes#81517"},
			Conflict: "CIS Debian 12 4.3.3 flushes iptables and Debian's own /etc/nftables.conf begins with `flush ruleset`; CIS Debian 13 chapter 4 installs ufw. Each of them takes kube-proxy's and flannel's rules away: K3s' needs win.",
			Needs:    []Part{PartUnits, PartFiles}, Files: []string{nftConfig, nftUnitFile, nftFiles}, Units: append(otherManagers(), nftUnit),
			Check: checkFlush, Mend: mendFlush,
		},
		{
			ID: "FW-16", Title: "K3s' own rules are intact", Severity: High,
			Why:      "without kube-proxy's and flannel's chains no service answers, and one rule that iptables cannot read makes K3s panic",
			Want:     "chains KUBE-* and FLANNEL-* there where kube-proxy and flannel run, and no rule or chain in iptables' tables that `iptables -S` fails at",
			Refs:     []string{"kube-router#1777", "kube-router#1788", "k3s#7542"},
			Conflict: "CIS Debian 12 4.3.3 wants iptables empty beside nftables; kube-proxy and flannel keep their rules there, so they must not be.",
			Needs:    []Part{PartFirewall, PartUnits, PartListeners}, Units: []string{k3sServerUnit, k3sAgentUnit},
			Applies: onCluster, When: "K3s runs, with kube-proxy",
			Check:  checkForeign,
			Advice: "take foreign rules out of iptables' tables with `nft delete rule`, then run `systemctl restart k3s` (k3s-agent on an agent): it writes its own rules anew",
		},
		{
			ID: "FW-17", Title: "Drops are counted, and logged with a limit", Severity: Low,
			Why:   "who is turned away, and how often, is the first question after an incident; a log without a limit is a way to fill the disk",
			Want:  "every rule of ours that drops counts, and each of our chains at a hook logs with a rate limit",
			Refs:  []string{"lynis FIRE-4586", "CIS Debian 12 4.4.1.1"},
			Needs: []Part{PartFirewall}, Check: checkLogged, Mend: reloads,
		},
		{
			ID: "FW-18", Title: "No unconfirmed change is pending", Severity: Medium,
			Why:   "what is seen until then is not what will last",
			Want:  "no transaction waits for its confirmation",
			Refs:  []string{"Junos commit confirmed"},
			Needs: []Part{PartSystem, PartPending}, Check: checkPending,
			Mend: func(*facts.Facts, Policy) Mend { return Mend{Wait: true} },
		},
	}...)
}

// pathControls are judged by what the rules do to packets.
func pathControls() []Control {
	control := func(c Control, keep where, want string) Control {
		c.Needs, c.Want, c.Check, c.Mend = []Part{PartFirewall}, want, checkPaths(keep, want), mendPaths(keep)
		return c
	}
	return []Control{
		control(Control{
			ID: "FW-03", Title: "Forbidden packets die", Severity: Critical,
			Why:      "only what a packet meets counts, not what a rule looks like",
			Refs:     []string{"CIS Debian 12 4.3.8", "lynis FIRE-4512"},
			Conflict: "Benchmarks look for `policy drop` in the text; a chain whose first rule accepts everything passes them. Here every kind of sender knocks at every kind of port, in both families.",
		}, shut, "from outside, the LAN, admins, nodes and pods, in both families, every packet that nobody allowed is dropped"),
		control(Control{
			ID: "FW-04", Title: "Required paths live", Severity: Critical,
			Why:      "a firewall that cuts off its admin, its neighbours or its pods is an outage",
			Refs:     []string{"RFC 4890", "K3s docs, Requirements"},
			Conflict: "CIS Debian 12 4.3.8 taken literally drops what pods send (no image, no certificate, no tunnel) and what they ask of their node (no metrics): K3s' needs win.",
		}, open, "SSH from the admins, answers, loopback, ICMP and what K3s' parts ask of one another are let in, by our table and by all others"),
		control(Control{
			ID: "FW-08", Title: "SSH is open to the admins' sources only", Severity: High,
			Why:      "a port that strangers do not reach needs no luck",
			Refs:     []string{"ANSSI BP-028 R79", "CIS Debian 12 5.1.4"},
			Conflict: "Guides let in new connections by their SYN only; when connection tracking begins such a rule cuts off every open session, so SSH is open whatever the flags.",
		}, of("FW-08"), "SSH from ssh.allowFrom, running sessions among it, and from nowhere else"),
		control(Control{
			ID: "FW-12", Title: "IPv6 is as closed as IPv4", Severity: High,
			Why:      "a port that is shut for one family and open for the other is open",
			Refs:     []string{"CIS Debian 12 4.3", "RFC 4890"},
			Conflict: "Some guides turn IPv6 off, or drop its ICMP; the first breaks what is dual-stack, the second every IPv6 network. Both families hold the same rules, and neighbour discovery stays open.",
		}, overIPv6, "over IPv6 nothing is open that the inventory does not open, and neighbour discovery and packet-too-big live"),
	}
}

// clusterControls are judged by packets too, on nodes of a cluster.
func clusterControls() []Control {
	control := func(c Control, want string) Control {
		keep := of(c.ID)
		c.Needs, c.Applies, c.When = []Part{PartFirewall}, onCluster, "k3sedge.yaml has a k3s section"
		c.Want, c.Check, c.Mend = want, checkPaths(keep, want), mendPaths(keep)
		return c
	}
	return []Control{
		control(Control{
			ID: "FW-05", Title: "NodePort, hostPort and ServiceLB are judged before destination NAT", Severity: High,
			Why:      "kube-proxy rewrites the destination before any input rule sees it, so a NodePort walks past an ordinary host firewall",
			Refs:     []string{"klipper-lb#75", "k3s#10980", "k3s#5142"},
			Conflict: "No benchmark asks for it: they look at input, which such packets never meet.",
		}, "no NodePort (30000 to 32767), hostPort or ServiceLB port is reachable from outside, whatever it is translated to"),
		control(Control{
			ID: "FW-06", Title: "The forward chain is closed to strangers", Severity: High,
			Why:      "a node that forwards for everybody is a router into the pod network",
			Refs:     []string{"CIS Debian 12 4.3.8", "k3os#600"},
			Conflict: "CIS Debian 12 3.3.1 turns forwarding off and 4.3.8 drops all of it; pods live by it. Forwarding stays on (KRN-01), for pods only.",
		}, "pods reach out, nobody reaches pods"),
		control(Control{
			ID: "FW-07", Title: "Pods reach their node", Severity: High,
			Why:      "a pod that cannot ask the API or the kubelet looks like a broken cluster",
			Refs:     []string{"K3s docs, Requirements"},
			Conflict: "An input chain as CIS Debian 12 4.3.8 wants it, with the ports of the host alone, cuts pods off their node and breaks metrics-server: cni0 and flannel.1 are let in with pods' addresses.",
		}, "pods are let in by cni0 and flannel.1"),
		control(Control{
			ID: "FW-09", Title: "6443 is open to the nodes and to those that the file names", Severity: High,
			Why:  "the API is reached through SSH, so nobody else needs the port",
			Refs: []string{"K3s docs, Requirements"},
		}, "6443 for nodes and k3s.allowFrom only, on servers only"),
		control(Control{
			ID: "FW-10", Title: "Ports between the nodes are closed to everybody else", Severity: High,
			Why:  "whoever reaches 8472/udp can put packets into the pod network",
			Refs: []string{"K3s docs, Requirements"},
		}, "10250/tcp, 8472/udp and etcd's ports for nodes only; image sharing and WireGuard closed"),
		control(Control{
			ID: "FW-11", Title: "80 and 443 are open as the edge's mode says", Severity: High,
			Why:  "a service for the LAN must not be one router setting away from the internet",
			Refs: []string{"Cloudflare, IP ranges"},
		}, "80 and 443 for the LAN and what edge.mode and edge.allowFrom add"),
		control(Control{
			ID: "FW-13", Title: "Addresses of pods and services are not taken from outside", Severity: Medium,
			Why:  "a forged pod address would pass for a neighbour",
			Refs: []string{"CIS Debian 12 4.3.6"},
		}, "a pod's or a service's address that comes in by the network is dropped"),
	}
}
