package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/verify/probe"
)

// The ports that are asked. Those of a link-local address are the ones where
// something is likely to listen: the same tables judge them.
const (
	allPorts  = "1-65535"
	somePorts = "1-1024,2379,2380,3000,5001,6443,6444,8080,8472,9000,9100,9345,10010,10248-10259,30000,32767"
)

// vxlanPort is that of flannel's tunnels.
const vxlanPort = 8472

// udpPorts lack 546, which is open to a link's own addresses: an answer to a
// DHCPv6 question belongs to no connection.
func udpPorts() []uint16 {
	return []uint16{53, 67, 68, 69, 111, 123, 137, 161, 443, 500, 514, 1900, 4500, 4789, 5353, 5355, 8080, vxlanPort, 30000, 32767, 51820, 51821}
}

// proberScript brings the prober on its standard input and leaves nothing behind.
const proberScript = `set -e
d=$(mktemp -d /var/tmp/k3sedge-verify-XXXXXX); trap 'rm -rf "$d"' EXIT; trap 'exit 1' INT TERM HUP
cat >"$d/probe"; chmod 700 "$d/probe"
`

// probeAt asks from a place. root says how the prober gets its rights there.
func (r *Run) probeAt(ctx context.Context, at Command, root string, q probe.Request) (probe.Answer, error) {
	program, err := os.ReadFile(r.site.Prober)
	if err != nil {
		return probe.Answer{}, fmt.Errorf("read the prober: %w", err)
	}
	request, err := json.Marshal(q)
	if err != nil {
		return probe.Answer{}, err
	}
	o, err := run(ctx, at, program, "sh", "-c", proberScript+root+` "$d/probe" probe "$1"`, "probe", string(request))
	if err != nil {
		return probe.Answer{}, err
	}
	var a probe.Answer
	if err := json.Unmarshal([]byte(o.stdout), &a); err != nil || o.code != 0 {
		return a, fmt.Errorf("the prober ended with %d and no answer (it is built for this machine's kind of processor): %s", o.code, tail(o.stderr))
	}
	if len(a.Seen) != len(q.Targets) || len(a.Pages) != len(q.Pages) {
		return a, fmt.Errorf("the prober answered %d of %d targets, %d of %d pages", len(a.Seen), len(q.Targets), len(a.Pages), len(q.Pages))
	}
	return a, nil
}

// nodeCommand runs commands on a node as the admin.
func (r *Run) nodeCommand(n inventory.Node) Command {
	return func(ctx context.Context, argv ...string) (*exec.Cmd, error) {
		return r.site.Operator(ctx, r.sshArgs(n, r.cluster.SSH.User, r.sshOptions(r.cluster.SSH.Identities...), machine.Quote(argv))...)
	}
}

// promised are the TCP ports of a node that may answer an address, by what the
// project says.
func (r *Run) promised(n inventory.Node, from netip.Addr) []uint16 {
	c := r.cluster
	var out []uint16
	if inside(from, c.SSH.AllowFrom) {
		out = append(out, uint16(c.SSH.Port))
	}
	if c.K3s == nil {
		return out
	}
	if inside(from, r.webNetworks()) {
		out = append(out, 80, 443)
	}
	server, peer := n.Role == inventory.Server, r.peerAt(n, from)
	if server && (peer != nil || inside(from, c.K3s.AllowFrom)) {
		out = append(out, 6443)
	}
	if peer != nil {
		out = append(out, 10250)
	}
	if server && peer != nil && peer.Role == inventory.Server {
		out = append(out, 2379, 2380)
	}
	return out
}

// promisedUDP is the overlay's port, for the other nodes alone.
func (r *Run) promisedUDP(n inventory.Node, from netip.Addr) []uint16 {
	if r.cluster.K3s == nil || r.peerAt(n, from) == nil {
		return nil
	}
	return []uint16{vxlanPort}
}

// peerAt is the other node that has an address.
func (r *Run) peerAt(n inventory.Node, a netip.Addr) *inventory.Node {
	for _, other := range r.cluster.Nodes {
		if other.Name != n.Name && slices.Contains(other.Addresses(), a) {
			return &other
		}
	}
	return nil
}

// webNetworks may reach the edge. Those that edge.mode portforward adds are
// Cloudflare's: nobody here asks from there.
func (r *Run) webNetworks() []netip.Prefix {
	out := []netip.Prefix{r.cluster.Network.CIDR}
	if six := r.cluster.Network.IPv6; six != nil {
		out = append(out, six.CIDR)
	}
	if r.cluster.Edge != nil {
		out = append(out, r.cluster.Edge.AllowFrom...)
	}
	return out
}

func inside(a netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// targets are all addresses of the nodes, but for that from which is asked.
func (r *Run) targets(machines map[string]machineFacts, from string) (targets []probe.Target, owners []inventory.Node) {
	for _, n := range r.cluster.Nodes {
		if n.Name == from {
			continue
		}
		for _, a := range n.Addresses() {
			// Who asks is known only there: what every place may reach is asked for twice.
			targets = append(targets, probe.Target{Address: a, TCP: allPorts, UDP: udpPorts(), Promised: r.likely(n, from)})
			owners = append(owners, n)
		}
		for _, a := range machines[n.Name].LinkLocal {
			targets = append(targets, probe.Target{Address: a, Via: n.Address, TCP: somePorts, UDP: udpPorts()})
			owners = append(owners, n)
		}
	}
	return targets, owners
}

// Where ports are asked from, if it is no node.
const (
	operator = "the operator"
	third    = "a third machine"
)

// likely are the ports that should answer there, as far as it is known before.
func (r *Run) likely(n inventory.Node, from string) []uint16 {
	if peer, ok := r.cluster.Node(from); ok {
		return r.promised(n, peer.Address)
	}
	var out []uint16
	if from == operator {
		out = append(out, uint16(r.cluster.SSH.Port))
	}
	if r.cluster.K3s != nil {
		out = append(out, 80, 443)
	}
	return out
}

// judgePorts wants exactly the promised ports to answer.
func (r *Run) judgePorts(seen []probe.Seen, owners []inventory.Node, client map[string]netip.Addr) error {
	var f findings
	looked := map[string]bool{}
	for i, s := range seen {
		n := owners[i]
		switch {
		case s.OffLink: // a link-local address is on its own link only
			continue
		case s.Error != "":
			return fmt.Errorf("ask the ports of %s at %s: %s", n.Name, s.Address, s.Error)
		case s.Asked == 0 || !s.From.IsValid():
			return fmt.Errorf("ask the ports of %s at %s: none was asked", n.Name, s.Address)
		}
		looked[n.Name] = true
		from := s.From
		if seenAs := client[n.Name]; seenAs.IsValid() && seenAs.Is4() == from.Is4() {
			from = seenAs // something translates addresses on the way
		}
		r.compare(n, s, from, &f)
	}
	if len(looked) == 0 {
		return fmt.Errorf("no port of any node was asked")
	}
	return f.err()
}

func (r *Run) compare(n inventory.Node, s probe.Seen, from netip.Addr, f *findings) {
	promised, udp := r.promised(n, from), r.promisedUDP(n, from)
	where := fmt.Sprintf("%s at %s, asked from %s", n.Name, s.Address, s.From)
	for _, p := range s.Open {
		if !slices.Contains(promised, p) {
			f.add("%s: tcp/%d is open", where, p)
		}
	}
	for _, p := range s.Refused {
		if !slices.Contains(promised, p) {
			f.add("%s: tcp/%d is let through to where nobody listens", where, p)
		}
	}
	for _, p := range promised {
		if !slices.Contains(s.Open, p) {
			f.add("%s: tcp/%d was promised and does not answer", where, p)
		}
	}
	for _, p := range slices.Concat(s.UDPOpen, s.UDPRefused) {
		if !slices.Contains(udp, p) {
			f.add("%s: udp/%d answers", where, p)
		}
	}
	r.say("%s: %d ports asked, open: %v", where, s.Asked, s.Open)
}

// portsFrom asks from one place.
func (r *Run) portsFrom(ctx context.Context, at Command, root, place string) error {
	machines, err := r.machines(ctx)
	if err != nil {
		return err
	}
	targets, owners := r.targets(machines, place)
	client := map[string]netip.Addr{}
	if place == operator && r.cluster.SSH.Jump == nil {
		for name, m := range machines {
			client[name] = m.Client
		}
	}
	r.say("ask all ports of %d addresses", len(targets))
	a, err := r.probeAt(ctx, at, root, probe.Request{Targets: targets})
	if err != nil {
		return err
	}
	return r.judgePorts(a.Seen, owners, client)
}

func portsFromOutside(ctx context.Context, r *Run) error {
	return r.portsFrom(ctx, r.site.Operator, "", operator)
}

// rooted is how the prober gets its rights where the user may have sudo.
const rooted = `$(test "$(id -u)" = 0 || ! sudo -n true 2>/dev/null || echo sudo -n)`

func portsFromThird(ctx context.Context, r *Run) error {
	return r.portsFrom(ctx, r.site.Third, rooted, third)
}

// portsFromPeer asks each node from another.
func portsFromPeer(ctx context.Context, r *Run) error {
	if _, err := r.machines(ctx); err != nil { // once for all
		return err
	}
	return r.eachNode(func(n inventory.Node) error {
		return r.portsFrom(ctx, r.nodeCommand(n), "sudo -n", n.Name)
	})
}
