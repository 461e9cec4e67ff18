package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// trustOptions are the flags of `k3sedge trust`.
type trustOptions struct {
	file, node, fingerprint string
}

func newTrustCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "trust", Usage: "pin a node's SSH host key after you compared its fingerprint",
		Description: `Asks the node for its host key, without logging in, and shows the fingerprint.
Compare it on the node's console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`,
		Flags: []cli.Flag{fileFlag(), &cli.StringFlag{Name: "fingerprint", Usage: "the `SHA256:…` you expect; pins without asking if it is that one"}},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return runTrust(c.Context, s, trustOptions{file: c.String("file"), node: c.Args().First(), fingerprint: c.String("fingerprint")})
		},
	}, "NODE", `k3sedge trust edge-1
k3sedge trust edge-1 --fingerprint SHA256:WRwnjwyjrPz9dB4t7mJ0nJY2Wl5JlMz4fH8u2D4F1n0`)
}

func runTrust(ctx context.Context, s Streams, o trustOptions) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, o.file, "trust")
	if err != nil {
		return err
	}
	defer st.close()
	node, ok := st.project.Cluster.Node(o.node)
	if !ok {
		return usagef("the nodes are listed under nodes in "+o.file, "there is no node %q", o.node)
	}
	key, fingerprint, err := st.guests[node.Name].OfferedKey(ctx)
	if err != nil {
		return err
	}
	if o.fingerprint == "" {
		if err := askTrust(ctx, s, node, fingerprint, len(st.pins.Get(node.Name)) > 0); err != nil {
			return err
		}
	} else if o.fingerprint != fingerprint {
		return machine.WithHint(fmt.Errorf("%s shows %s, not %s: nothing was pinned", node.Name, fingerprint, o.fingerprint),
			"compare with the machine's console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; if that is another, somebody else answers at %s", node.Address)
	}
	if err := st.pins.Set(node.Name, sshAddress(st.project.Cluster, node), key); err != nil {
		return fmt.Errorf("pin the host key: %w", err)
	}
	fmt.Fprintf(s.Err, "pinned %s for %s\n", fingerprint, node.Name)
	return nil
}

func askTrust(ctx context.Context, s Streams, n inventory.Node, fingerprint string, replaces bool) error {
	fmt.Fprintf(s.Err, "%s at %s shows the host key\n  %s\n", n.Name, n.Address, fingerprint)
	if replaces {
		fmt.Fprintln(s.Err, "another key is pinned for it and would be replaced")
	}
	yes, err := confirm(ctx, s, "is this the node's key? (yes/no)", "yes")
	if errors.Is(err, errNoAnswer) {
		return usagef("give the expected key with --fingerprint", "%w", err)
	}
	if err != nil {
		return err
	}
	if !yes {
		return fmt.Errorf("not confirmed: nothing was pinned")
	}
	return nil
}
