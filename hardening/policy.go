package hardening

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/k3sedge/k3sedge/hardening/agent"
	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// DefaultWindow is how long a host waits for the proof of a new login before
// it goes back. A login takes a second; a minute leaves room for a slow line
// and is short enough to sit out after a mistake.
const DefaultWindow = time.Minute

// A host for which a look is work of seconds needs longer than that for the
// change itself: an emulated one made it in three times as long as its look
// took, and a new login in as long again. The longest is what an agent takes.
const (
	slowLook      = 5 * time.Second
	looksInWindow = 8
	longestWindow = 10 * time.Minute
)

// windowFor is the window of a host that took so long to be looked at.
func (p Policy) windowFor(took time.Duration) time.Duration {
	if took < slowLook {
		return p.Window
	}
	return max(p.Window, min(took.Round(time.Second)*looksInWindow, longestWindow))
}

// Agents hands out the node agent by architecture. Asking for the path alone is cheap.
type Agents interface {
	Path(arch string) (string, error)
	For(arch string) (machine.Agent, error)
}

// Policy is what one node shall hold, in the terms of the controls.
type Policy struct {
	Node      string
	Admin     string
	SSHPort   int
	AllowFrom []netip.Prefix
	// Keys are the fingerprints of the keys that may open a login.
	Keys []string
	// Address is the node's own, Address6 that of IPv6 if it has one, Peers are
	// all of the others.
	Address  netip.Addr
	Address6 netip.Addr
	Peers    []netip.Addr
	// Cluster is nil on a machine without K3s.
	Cluster *ClusterPolicy
	// Proxmox is true where the node is a VM that Proxmox runs.
	Proxmox bool
	// Ruleset is the wanted firewall as nft text.
	Ruleset string
	Window  time.Duration
	whole   bool // the agent is to look at K3s and the edge too
	Agents  Agents
	Profile Profile
	// Deep asks for the walk over the node's disks as well.
	Deep bool
	// Selection is what this run is about; Waivers are those of this node, by control.
	Selection Selection
	Waivers   map[string]Waiver
	// Rescue is nil where nothing reaches the node but its network.
	Rescue Rescuer
	// Forwards are the addresses, seen from the node, to which SSH connections
	// may be forwarded: by these k3sedge reaches the API and, through a jump
	// host that is a node, the others.
	Forwards []string
	// Client says what the operator's own SSH client can do, the host keys that
	// it would take among it. What sshd may offer is judged by it.
	Client func() facts.Algorithms
	// judged are the firewall's paths as they were judged for this host, once for all controls.
	judged *[]judged
}

// NewPolicy derives the policy of node n of cluster c. Keys that stand in
// files (file:PATH) have to be read into c.SSH.AuthorizedKeys before.
// published are the sources outside of the LAN to which the edge is open.
func NewPolicy(c inventory.Cluster, n inventory.Node, published []netip.Prefix) (Policy, error) {
	p := Policy{
		Node: n.Name, Admin: c.SSH.User, SSHPort: c.SSH.Port, AllowFrom: c.SSH.AllowFrom,
		Address: n.Address, Window: DefaultWindow, Agents: agent.Embedded{}, Profile: cmp.Or(c.Hardening.Profile, Baseline),
		Cluster: clusterPolicy(c, n, published), Forwards: forwards(c, n),
		Proxmox: c.Provider.Proxmox != nil,
	}
	if n.Address6 != nil {
		p.Address6 = *n.Address6
	}
	for _, other := range c.Nodes {
		if other.Address != n.Address {
			p.Peers = append(p.Peers, other.Addresses()...)
		}
	}
	if err := p.complete(); err != nil {
		return Policy{}, fmt.Errorf("policy of %s: %w", n.Name, err)
	}
	for _, line := range c.SSH.AuthorizedKeys {
		fingerprint, err := inventory.Fingerprint(line)
		if err != nil {
			return Policy{}, machine.WithHint(fmt.Errorf("policy of %s: %w", n.Name, err), "correct ssh.authorizedKeys in k3sedge.yaml")
		}
		p.Keys = append(p.Keys, fingerprint)
	}
	var err error
	if p.Ruleset, err = ruleset(p); err != nil {
		return Policy{}, fmt.Errorf("policy of %s: %w", n.Name, err)
	}
	return p, nil
}

// forwards are the addresses to which SSH connections that end at n may be
// forwarded: the API where it runs, and the other nodes where n is the jump host.
func forwards(c inventory.Cluster, n inventory.Node) []string {
	var out []string
	if c.K3s != nil && n.Role == inventory.Server {
		out = append(out, net.JoinHostPort("127.0.0.1", strconv.Itoa(portAPI)))
	}
	if c.SSH.Jump == nil {
		return out
	}
	host, _, err := net.SplitHostPort(c.SSH.Jump.Address)
	if err != nil {
		host = c.SSH.Jump.Address
	}
	if address, err := netip.ParseAddr(host); host != n.Name && (err != nil || address.Unmap() != n.Address) {
		return out
	}
	for _, other := range c.Nodes {
		if other.Address != n.Address {
			out = append(out, net.JoinHostPort(other.Address.String(), strconv.Itoa(c.SSH.Port)))
		}
	}
	return out
}

// complete refuses a policy that would lock everybody out.
func (p Policy) complete() error {
	switch {
	case p.Admin == "" || p.Admin == "root":
		return machine.WithHint(fmt.Errorf("admin user is %q, but root may not log in on a hardened node", p.Admin), "name another user in ssh.user")
	case len(p.AllowFrom) == 0:
		return machine.WithHint(errors.New("no source may open SSH connections"), "name the admins' networks in ssh.allowFrom")
	case p.SSHPort < 1 || p.SSHPort > 65535:
		return machine.WithHint(fmt.Errorf("SSH port %d", p.SSHPort), "correct ssh.port")
	case !p.Address.IsValid():
		return machine.WithHint(errors.New("the node has no address"), "set nodes[].address")
	}
	return nil
}

// Users are the logins for which sshd is asked: root, the admin, and one that
// nobody has, who stands for everybody else.
func (p Policy) Users() []string { return []string{"root", p.Admin, "k3sedge-nobody"} }

// Sources are the addresses for which sshd is asked: an admin's, the node's
// own, and two from outside (documentation ranges, in nobody's network).
func (p Policy) Sources() []string {
	return slices.Compact([]string{
		adminAddress(p.AllowFrom[0]).String(), p.Address.String(),
		outside4().String(), outside6().String(),
	})
}

// Allows reports whether a may open SSH connections.
func (p Policy) Allows(a netip.Addr) bool {
	return inside(a.Unmap(), p.AllowFrom...)
}

func outside4() netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, 7}) }

func outside6() netip.Addr { return netip.MustParseAddr("2001:db8:ffff::7") }

// adminAddress is an address inside p that a machine can have.
func adminAddress(p netip.Prefix) netip.Addr {
	if p.IsSingleIP() {
		return p.Addr()
	}
	return p.Masked().Addr().Next()
}

// request is what the agent is asked to look at: all that any control needs.
func (p Policy) request() facts.Request {
	r := facts.Request{Users: p.Users(), Sources: p.Sources(), Ruleset: p.Ruleset, Modules: managedModules(), Verify: verified(), Deep: p.Deep}
	r.Packets = p.doubted()
	for _, c := range Controls() {
		r.Files = append(r.Files, c.Files...)
		r.Sysctls = append(r.Sysctls, c.Sysctls...)
		r.Units = append(r.Units, c.Units...)
		r.Packages = append(r.Packages, c.Packages...)
		r.Stats = append(r.Stats, c.Stats...)
	}
	if p.whole {
		r.Wire, r.K3s = map[string]look.Dial{}, p.k3sRequest()
		maps.Copy(r.Wire, p.k3sDials())
		maps.Copy(r.Wire, p.edgeDials())
	}
	r.Keywords = append(r.Keywords, sshKeywords(p)...)
	for _, list := range []*[]string{&r.Files, &r.Sysctls, &r.Units, &r.Keywords, &r.Packages, &r.Stats} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return r
}
