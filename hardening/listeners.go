package hardening

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// What systemd-resolved answers on the LAN beside the work it is there for.
const (
	resolvedUnit   = "systemd-resolved.service"
	resolvedDropIn = "/etc/systemd/resolved.conf.d/k3sedge.conf"
	resolvedText   = "# Written by k3sedge (SVC-01); edits are lost at its next run.\n[Resolve]\nLLMNR=no\nMulticastDNS=no\n"
)

func listenerControls() []Control {
	return []Control{
		{
			ID: "SVC-01", Title: "Only approved services listen", Severity: High,
			Why:   "the firewall is one line of defence; what does not listen needs none",
			Want:  "beyond loopback: SSH, on nodes with K3s its ports and those of the edge, and the client of DHCP",
			Refs:  []string{"CIS Debian 12 2.1.22", "debian-cis network_services_listening", "lynis NETW-3012"},
			Needs: []Part{PartListeners, PartFiles}, Files: []string{resolvedDropIn},
			Check: checkListeners, Mend: mendListeners,
		},
		{
			ID: "SVC-03", Title: "Mail is taken from the host itself only", Severity: Medium,
			Why:    "a node has no mail of others, and an open mail server is found within hours",
			Want:   "no mail server, or one on loopback only",
			Refs:   []string{"CIS Debian 12 2.1.21", "lynis MAIL-8818"},
			Needs:  []Part{PartListeners},
			Check:  checkMail,
			Advice: "let the mail server listen on 127.0.0.1 only (Exim: dc_local_interfaces; Postfix: inet_interfaces = loopback-only), or purge it",
		},
	}
}

// approval is who may listen where.
type approval struct {
	proto     string
	port      int
	processes []string // nil for any
}

// approved are the listeners that a node has by what it is there for: the
// ports that our firewall opens, those where K3s listens although they are
// open to nobody yet, and what gets an address.
func (p Policy) approved() []approval {
	out := []approval{
		{"tcp", p.SSHPort, nil},
		{"udp", 68, dhcpClients()}, {"udp", 546, dhcpClients()},
	}
	for _, port := range p.open() {
		out = append(out, approval{port.Proto, int(port.Port), nil})
	}
	if p.Cluster != nil {
		out = append(out, approval{"tcp", portKubelet, nil}, approval{"udp", portVXLAN, nil})
		if p.Cluster.Server {
			k3s := []string{"k3s", "k3s-server"}
			out = append(out, approval{"tcp", portAPI, nil}, approval{"tcp", portEtcd, k3s}, approval{"tcp", portEtcdPeer, k3s})
		}
	}
	return out
}

// dhcpClients are the programs that get an address. The kernel keeps 15 letters of a name.
func dhcpClients() []string {
	return []string{"systemd-network", "dhclient", "dhcpcd", "NetworkManager"}
}

func (p Policy) approves(l facts.Listener) bool {
	return slices.ContainsFunc(p.approved(), func(a approval) bool {
		return a.proto == l.Proto && a.port == l.Port && (a.processes == nil || slices.Contains(a.processes, l.Process))
	})
}

func isLoopback(l facts.Listener) bool {
	a, err := netip.ParseAddr(l.Address)
	return err == nil && a.IsLoopback()
}

// unapproved are the listeners that nobody has approved.
func unapproved(f *facts.Facts, p Policy) []facts.Listener {
	return slices.DeleteFunc(slices.Clone(f.Listeners), func(l facts.Listener) bool { return isLoopback(l) || p.approves(l) })
}

func checkListeners(f *facts.Facts, p Policy) Verdict {
	if len(f.Listeners) == 0 {
		return unknown("listeners: not even sshd is among them")
	}
	var wrong []string
	for _, l := range unapproved(f, p) {
		wrong = append(wrong, listenerLine(l))
	}
	return decide(wrong, fmt.Sprintf("listeners: %d, not approved: %d", len(f.Listeners), len(wrong)), "approved ones only")
}

// listenerLine is a listener as evidence, much as ss shows it.
func listenerLine(l facts.Listener) string {
	owner := "the kernel"
	if l.PID != 0 {
		owner = fmt.Sprintf("%s, process %d", l.Process, l.PID)
	}
	if l.Unit != "" {
		owner += ", " + l.Unit
	}
	address := l.Address
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return fmt.Sprintf("%s %s:%d: %s", l.Proto, address, l.Port, owner)
}

// mendListeners turns off what systemd-resolved does beside its work. What
// else listens is somebody's service, and not stopped behind his back.
func mendListeners(f *facts.Facts, p Policy) Mend {
	var m Mend
	for _, l := range unapproved(f, p) {
		switch {
		case l.Unit == resolvedUnit && (l.Port == 5353 || l.Port == 5355) && differs(f.Files[resolvedDropIn], resolvedText, 0o644):
			m.Files = []facts.FileChange{{Path: resolvedDropIn, Content: resolvedText, Mode: 0o644}}
			m.Units = []facts.UnitChange{{Name: resolvedUnit, Action: "reload"}}
		case l.Unit != "" && !strings.HasSuffix(l.Unit, ".scope"):
			m.Advice = append(m.Advice, fmt.Sprintf("%s: run `systemctl disable --now %s` if nobody needs it, let it listen on 127.0.0.1, or waive SVC-01", listenerLine(l), l.Unit))
		default:
			m.Advice = append(m.Advice, listenerLine(l)+": end it if nobody needs it, or waive SVC-01")
		}
	}
	return m
}

func checkMail(f *facts.Facts, _ Policy) Verdict {
	if len(f.Listeners) == 0 {
		return unknown("listeners: not even sshd is among them")
	}
	var wrong []string
	for _, l := range f.Listeners {
		if l.Proto == "tcp" && slices.Contains([]int{25, 465, 587}, l.Port) && !isLoopback(l) {
			wrong = append(wrong, listenerLine(l))
		}
	}
	return decide(wrong, fmt.Sprintf("mail servers beyond loopback: %d", len(wrong)), "none beyond loopback")
}
