package hardening

import (
	"context"
	"fmt"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// DecideLive asks a node what all tables of its kernel together do with each
// of the packets. It writes nothing but the agent's file.
func DecideLive(ctx context.Context, target Looker, p Policy, packets []firewall.Packet) ([]firewall.Decision, error) {
	request := facts.Request{Only: []string{string(PartFirewall)}, Packets: packets}
	f, _, err := machine.AskAgent(ctx, target, p.Agents, "", func(path string) (*facts.Facts, error) {
		return ask(ctx, target, path, request)
	})
	if err != nil {
		return nil, err
	}
	if gap := partGap(f, PartFirewall); gap != "" {
		return nil, machine.WithHint(fmt.Errorf("judge packets on %s: %s", p.Node, gap), "ssh.user must be allowed to use sudo there")
	}
	if len(f.Firewall.Decisions) != len(packets) {
		return nil, fmt.Errorf("judge packets on %s: %d answers for %d packets", p.Node, len(f.Firewall.Decisions), len(packets))
	}
	return f.Firewall.Decisions, nil
}

// DecideRendered judges packets by the ruleset that the inventory renders,
// without contacting anything.
func DecideRendered(p Policy, packets []firewall.Packet) ([]firewall.Decision, error) {
	table, err := firewall.Parse(p.Ruleset)
	if err != nil {
		return nil, err
	}
	judge := table.Judge()
	out := make([]firewall.Decision, 0, len(packets))
	for _, packet := range packets {
		out = append(out, judge.Decide(p.placed(packet)))
	}
	return out, nil
}

// placed says of a packet with addresses alone by which interface it comes,
// and whether it is for the node.
func (p Policy) placed(packet firewall.Packet) firewall.Packet {
	if packet.Iif != "" {
		return packet
	}
	packet.Iif, packet.Local = uplink, packet.Local || packet.Dst == p.Address || packet.Dst == p.Address6
	if p.Cluster != nil && inside(packet.Src, p.Cluster.Pods.PodCIDR, p.Cluster.Pods.PodCIDR6) {
		packet.Iif = podBridge
	}
	return packet
}

// Packets are those of paths, for a node that knows its own interfaces.
func Packets(paths []Path) []firewall.Packet {
	out := make([]firewall.Packet, 0, len(paths))
	for _, path := range paths {
		packet := path.Packet
		if packet.Iif == uplink {
			packet.Iif = ""
		}
		if packet.Oif == uplink {
			packet.Oif = ""
		}
		out = append(out, packet)
	}
	return out
}
