package cli

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/inventory"
)

func newFirewallCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "firewall", Usage: "show what the firewall does, or ask it for one packet",
		Description: "Judged by what the rules do to packets, not by how they look.",
		Subcommands: []*cli.Command{newFirewallShowCommand(s), newFirewallTestCommand(s)},
		Action:      func(c *cli.Context) error { return cli.ShowSubcommandHelp(c) },
	}, "", `k3sedge harden firewall show
k3sedge harden firewall test 10.0.0.5 10.0.0.11:22/tcp`)
}

func newFirewallShowCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "show", Usage: "print the rendered table and who reaches what",
		Description: `The ruleset that the inventory renders, and what it does with every kind of
sender and port. Nothing is contacted; with --live the node's kernel is asked
what all its tables together do.`,
		Flags: []cli.Flag{fileFlag(), switchFlag("live", "ask the node's kernel instead of the rendered table")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 1); err != nil {
				return err
			}
			return runFirewallShow(c.Context, s, c.String("file"), c.Args().First(), c.Bool("live"))
		},
	}, "[NODE]", `k3sedge harden firewall show
k3sedge harden firewall show node-1 --live`)
}

func runFirewallShow(ctx context.Context, s Streams, file, name string, live bool) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, file, "")
	if err != nil {
		return couldNotLook{err}
	}
	defer st.close()
	nodes := st.project.Cluster.Nodes
	if name != "" {
		node, err := st.nodeNamed(name)
		if err != nil {
			return err
		}
		nodes = []inventory.Node{node}
	}
	for _, n := range nodes {
		if err := st.showFirewall(ctx, n, live); err != nil {
			return couldNotLook{err}
		}
	}
	return nil
}

// nodeNamed finds a node of the file.
func (st *site) nodeNamed(name string) (inventory.Node, error) {
	nodes := st.project.Cluster.Nodes
	i := slices.IndexFunc(nodes, func(n inventory.Node) bool { return n.Name == name })
	if i < 0 {
		return inventory.Node{}, usagef("the nodes stand in "+st.file, "there is no node %q", name)
	}
	return nodes[i], nil
}

// decide asks the rendered table, or the node itself.
func (st *site) decide(ctx context.Context, n inventory.Node, packets []firewall.Packet, live bool) ([]firewall.Decision, error) {
	if live {
		return hardening.DecideLive(ctx, st.guests[n.Name], st.policies[n.Name], packets)
	}
	return hardening.DecideRendered(st.policies[n.Name], packets)
}

func (st *site) showFirewall(ctx context.Context, n inventory.Node, live bool) error {
	policy := st.policies[n.Name]
	paths := policy.Matrix()
	packets := hardening.Packets(paths)
	if !live {
		for i, path := range paths {
			packets[i] = path.Packet
		}
	}
	decisions, err := st.decide(ctx, n, packets, live)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(st.streams.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "# %s\n%s\nFROM\tTO\tPORT\tFAMILY\tSTATE\tRULE\n", n.Name, policy.Ruleset)
	seen := map[string]bool{}
	for i, path := range paths {
		row := firewallRow(path, decisions[i])
		if !seen[row] {
			fmt.Fprintln(w, row)
		}
		seen[row] = true
	}
	return w.Flush()
}

// firewallRow is one path in plain words.
func firewallRow(path hardening.Path, d firewall.Decision) string {
	family := "IPv6"
	if path.Packet.Src.Is4() {
		family = "IPv4"
	}
	return tame(fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", path.From, path.Door, path.Port(), family, stateOf(d), ruleOf(d)))
}

// stateOf is a verdict as people say it of a port.
func stateOf(d firewall.Decision) string {
	switch {
	case d.Verdict == firewall.Accepted && d.Limited:
		return "open, to a limit"
	case d.Verdict == firewall.Accepted:
		return "open"
	case d.Verdict == firewall.Dropped:
		return "closed"
	}
	return "unknown"
}

// ruleOf names the rule that decides, or why none is known.
func ruleOf(d firewall.Decision) string {
	if d.Text != "" {
		return d.Chain + ": " + d.Text
	}
	return d.Why
}
