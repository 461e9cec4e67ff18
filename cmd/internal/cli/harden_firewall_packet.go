package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/inventory"
)

// firewallQuestion is the packet that is asked about, and where.
type firewallQuestion struct {
	file, node string
	rendered   bool
	packet     firewall.Packet
}

func newFirewallTestCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "test", Usage: "tell what becomes of one packet",
		Description: `Asks the node's kernel what all its tables together do with a new connection,
and says by which rule; with --rendered the inventory's table is asked instead
and nothing is contacted. Exit code 0 says accepted, 3 dropped, 4 unknown.
PROTO is tcp or udp; an IPv6 address stands in brackets: [fd00::11]:22/tcp.`,
		Flags: []cli.Flag{
			fileFlag(), &cli.StringFlag{Name: "node", Usage: "the `NODE` to ask; that of DST if it is one's address, else the first"},
			switchFlag("rendered", "ask the rendered table instead of the node"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 2, 2); err != nil {
				return err
			}
			packet, err := packetFrom(c.Args().Get(0), c.Args().Get(1))
			if err != nil {
				return usagef("write it as SRC DST:PORT/PROTO, such as 10.0.0.5 10.0.0.11:22/tcp or fd00::5 [fd00::11]:22/tcp", "%w", err)
			}
			return runFirewallTest(c.Context, s, firewallQuestion{c.String("file"), c.String("node"), c.Bool("rendered"), packet})
		},
	}, "SRC DST:PORT/PROTO", `k3sedge harden firewall test 10.0.0.5 10.0.0.11:22/tcp
k3sedge harden firewall test --rendered 2001:db8::1 [fd00::11]:30080/tcp`)
}

// packetFrom reads a source and DST:PORT/PROTO.
func packetFrom(src, to string) (firewall.Packet, error) {
	from, err := netip.ParseAddr(src)
	if err != nil {
		return firewall.Packet{}, err
	}
	address, proto, found := strings.Cut(to, "/")
	if !found || proto != "tcp" && proto != "udp" {
		return firewall.Packet{}, fmt.Errorf("%q does not end with /tcp or /udp", to)
	}
	dst, err := netip.ParseAddrPort(address)
	if err != nil {
		return firewall.Packet{}, err
	}
	if from.Is4() != dst.Addr().Is4() {
		return firewall.Packet{}, fmt.Errorf("%s and %s are of two families", from, dst.Addr())
	}
	return firewall.Packet{Src: from, Dst: dst.Addr(), DstPort: dst.Port(), Proto: proto}, nil
}

func runFirewallTest(ctx context.Context, s Streams, q firewallQuestion) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, q.file, "")
	if err != nil {
		return couldNotLook{err}
	}
	defer st.close()
	node, err := st.nodeFor(q)
	if err != nil {
		return err
	}
	decisions, err := st.decide(ctx, node, []firewall.Packet{q.packet}, !q.rendered)
	if err != nil {
		return couldNotLook{err}
	}
	return tellDecision(s, node.Name, decisions[0])
}

// nodeFor is the node that is named, or that has the address, or the first.
func (st *site) nodeFor(q firewallQuestion) (inventory.Node, error) {
	if q.node != "" {
		return st.nodeNamed(q.node)
	}
	nodes := st.project.Cluster.Nodes
	return nodes[max(0, slices.IndexFunc(nodes, func(n inventory.Node) bool { return n.Address == q.packet.Dst }))], nil
}

func tellDecision(s Streams, node string, d firewall.Decision) error {
	var b strings.Builder // names and rules are the node's words
	fmt.Fprintf(&b, "%s on %s\n", d.Verdict, node)
	if d.Table != "" {
		fmt.Fprintf(&b, "  where  table %s, hook %s, chain %s\n", d.Table, d.Hook, d.Chain)
	}
	if d.Text != "" {
		fmt.Fprintf(&b, "  rule   %s\n", d.Text)
	}
	fmt.Fprintf(&b, "  why    %s\n", d.Why)
	if d.To != "" {
		fmt.Fprintf(&b, "  to     %s\n", d.To)
	}
	if d.Limited {
		fmt.Fprintln(&b, "  limit  more of its kind are dropped")
	}
	fmt.Fprint(s.Out, tame(b.String()))
	switch d.Verdict {
	case firewall.Accepted:
		return nil
	case firewall.Dropped:
		return outcome(exitFindings)
	}
	return outcome(exitUnknown)
}
