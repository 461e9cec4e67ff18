package inventory

import "net/netip"

// APIVersion is the version of the files' format.
const APIVersion = "k3sedge.dev/v1alpha1"

// Cluster is k3sedge.yaml.
type Cluster struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"` // Cluster
	Name       string `yaml:"name"`
	// ID marks the VMs that belong to this cluster; `k3sedge init` makes it
	// up once. A VM without this mark is never touched.
	ID       string   `yaml:"id"`
	Provider Provider `yaml:"provider"`
	Network  Network  `yaml:"network"`
	SSH      SSH      `yaml:"ssh"`
	// Nodes are in the order of the file. The first server starts the
	// cluster, the other servers and the agents join it.
	Nodes []Node `yaml:"nodes"`
	// K3s is left out where only hardened machines are wanted; Edge and
	// services need it. Where K3s is set, Default sets Edge too.
	K3s  *K3s  `yaml:"k3s,omitempty"`
	Edge *Edge `yaml:"edge,omitempty"`
	// Hardening says what is demanded of the nodes, Waivers what of it need
	// not hold for a while.
	Hardening Hardening `yaml:"hardening,omitempty"`
	Waivers   []Waiver  `yaml:"waivers,omitempty"`
}

// Provider says where the machines come from: exactly one field is set.
type Provider struct {
	Proxmox  *Proxmox  `yaml:"proxmox,omitempty"`
	Existing *Existing `yaml:"existing,omitempty"`
}

// Existing are Debian machines that are already there, named by the nodes' addresses.
type Existing struct{}

// Network is the LAN in which the nodes stand.
type Network struct {
	CIDR netip.Prefix `yaml:"cidr"`
	// Gateway may be left out with existing machines only. (The encoder
	// takes every address for an empty struct, so there is no omitempty.)
	Gateway netip.Addr   `yaml:"gateway"`
	DNS     []netip.Addr `yaml:"dns,omitempty"`
	// IPv6 gives the nodes addresses of that family too.
	IPv6 *Network6 `yaml:"ipv6,omitempty"`
}

// Network6 is the LAN's network of IPv6.
type Network6 struct {
	CIDR    netip.Prefix `yaml:"cidr"`
	Gateway netip.Addr   `yaml:"gateway"` // may be left out
}

// SSH says how the nodes are reached and by whom.
type SSH struct {
	User string `yaml:"user,omitempty"`
	Port int    `yaml:"port,omitempty"`
	// Identities are private key files. Agent allows the keys of the SSH agent.
	Identities []string   `yaml:"identities,omitempty"`
	Agent      bool       `yaml:"agent,omitempty"`
	Passphrase *SecretRef `yaml:"passphrase,omitempty"` // for encrypted identities
	// AuthorizedKeys are public keys, or file:PATH of one, which Load
	// replaces by the key that stands there.
	AuthorizedKeys []string `yaml:"authorizedKeys"`
	// AllowFrom are the sources that may open SSH connections; the machine
	// that runs k3sedge must be inside.
	AllowFrom []netip.Prefix `yaml:"allowFrom,omitempty"`
	Jump      *Jump          `yaml:"jump,omitempty"`
}

// Jump is a host through which the nodes are reached.
type Jump struct {
	Address string `yaml:"address"` // host or host:port
	User    string `yaml:"user"`
	HostKey string `yaml:"hostKey"` // "ssh-ed25519 AAAA…"
}

// Role is what a node does in the cluster.
type Role string

// The roles of a node.
const (
	Server Role = "server"
	Agent  Role = "agent"
)

// Node is one machine.
type Node struct {
	Name    string     `yaml:"name"`
	Role    Role       `yaml:"role,omitempty"`
	Address netip.Addr `yaml:"address"`
	// Address6 is its address of IPv6, where network.ipv6 is set.
	Address6 *netip.Addr `yaml:"address6,omitempty"`
	CPUs     int         `yaml:"cpus,omitempty"`
	Memory   Size        `yaml:"memory,omitempty"`
	Disk     Size        `yaml:"disk,omitempty"`
	// HostKey is the node's public host key, "ssh-ed25519 AAAA…". It is only
	// needed for an existing machine; otherwise `k3sedge trust` asks once.
	HostKey string `yaml:"hostKey,omitempty"`
}

// Addresses are the node's, that of IPv4 first.
func (n Node) Addresses() []netip.Addr {
	if n.Address6 == nil {
		return []netip.Addr{n.Address}
	}
	return []netip.Addr{n.Address, *n.Address6}
}

// Project is everything the user keeps in files.
type Project struct {
	Cluster  Cluster
	Services []Service
	// NoServicesFolder tells a project without the folder from one whose
	// folder is empty.
	NoServicesFolder bool

	origin origin
}

// origin is where the fields of the cluster's file stand. It is empty for a
// project that was not loaded.
type origin struct {
	file  string
	lines map[string]int
}

// Node returns the node of that name.
func (c Cluster) Node(name string) (Node, bool) {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}
