package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// TableName is the one table that is ours, in family inet.
const (
	TableName   = "k3sedge"
	TableFamily = "inet"
)

// Policy says who may reach which port of a node. Everything else is dropped.
type Policy struct {
	// SSHPort is where sshd listens, and AdminSources who may log in there.
	SSHPort      uint16
	AdminSources []netip.Prefix
	// Open are the ports beyond SSH.
	Open []Port
	// Pods are the networks of a K3s node; nil opens nothing for pods.
	Pods *Pods
}

// Pods are the networks inside a K3s cluster. Pods come in by the interfaces
// that K3s names cni0 (this node's own) and flannel.1 (the other nodes',
// flannel-v6.1 for IPv6); the same addresses on any other interface are forged.
type Pods struct {
	PodCIDR, ServiceCIDR netip.Prefix
	// Those of IPv6 are both set, or neither is: pods have IPv4 only then.
	PodCIDR6, ServiceCIDR6 netip.Prefix
}

// Dual reports whether pods have addresses of both families.
func (p Pods) Dual() bool { return p.PodCIDR6.IsValid() }

// All are the networks of both families.
func (p Pods) All() []netip.Prefix {
	out := []netip.Prefix{p.PodCIDR, p.ServiceCIDR}
	if p.Dual() {
		out = append(out, p.PodCIDR6, p.ServiceCIDR6)
	}
	return out
}

// Port is one open port.
type Port struct {
	Proto   string // tcp, udp
	Port    uint16
	Sources []netip.Prefix // who may reach it; Anyone() for the whole world
}

// Anyone is every source of both families.
func Anyone() []netip.Prefix {
	return []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}
}

// Validate reports everything that is wrong with the policy at once. A policy
// under which nobody could log in is wrong.
func (p Policy) Validate() error {
	var problems []error
	if p.SSHPort == 0 {
		problems = append(problems, errors.New("ssh port is 0"))
	}
	if len(p.AdminSources) == 0 {
		problems = append(problems, errors.New("no admin source: nobody could log in"))
	}
	problems = append(problems, checkSources("admin sources", p.AdminSources)...)
	for i, open := range p.Open {
		where := fmt.Sprintf("open[%d]", i)
		if open.Proto != "tcp" && open.Proto != "udp" {
			problems = append(problems, fmt.Errorf("%s: protocol %q is neither tcp nor udp", where, open.Proto))
		}
		if open.Port == 0 {
			problems = append(problems, fmt.Errorf("%s: port is 0", where))
		}
		if len(open.Sources) == 0 {
			problems = append(problems, fmt.Errorf("%s: no source may reach %s port %d", where, open.Proto, open.Port))
		}
		problems = append(problems, checkSources(where, open.Sources)...)
	}
	return errors.Join(append(problems, p.Pods.problems()...)...)
}

func (p *Pods) problems() []error {
	if p == nil {
		return nil
	}
	problems := checkFamily(4, p.PodCIDR, p.ServiceCIDR)
	if p.PodCIDR6.IsValid() || p.ServiceCIDR6.IsValid() {
		problems = append(problems, checkFamily(6, p.PodCIDR6, p.ServiceCIDR6)...)
	}
	return problems
}

// checkFamily checks the two networks of IPv4 or of IPv6.
func checkFamily(family int, pods, services netip.Prefix) []error {
	var problems []error
	for i, network := range []netip.Prefix{pods, services} {
		right := network.IsValid() && network.Addr().Is4() == (family == 4) && !network.Addr().Is4In6()
		if !right || network.Bits() == 0 || network.Masked() != network {
			problems = append(problems, fmt.Errorf("%s network %q is not one of IPv%d", []string{"pod", "service"}[i], network, family))
		}
	}
	return problems
}

// checkSources refuses IPv4 addresses in IPv6 clothes too: no packet carries
// such a source, so the rule would silently open nothing.
func checkSources(where string, sources []netip.Prefix) []error {
	var problems []error
	for _, source := range sources {
		switch {
		case !source.IsValid():
			problems = append(problems, fmt.Errorf("%s: a source is no network", where))
		case source.Addr().Is4In6():
			problems = append(problems, fmt.Errorf("%s: %s: write it as an IPv4 network", where, source))
		}
	}
	return problems
}

// mergePrefixes leaves out what another prefix contains: the kernel refuses
// overlapping elements in a set that joins address and port.
func mergePrefixes(prefixes []netip.Prefix) []netip.Prefix {
	sorted := make([]netip.Prefix, 0, len(prefixes))
	for _, prefix := range prefixes {
		sorted = append(sorted, prefix.Masked())
	}
	slices.SortFunc(sorted, comparePrefixes)
	var merged []netip.Prefix
	for _, prefix := range sorted {
		last := len(merged) - 1
		if last >= 0 && merged[last].Overlaps(prefix) {
			continue // sorted: the wider one came first
		}
		merged = append(merged, prefix)
	}
	return merged
}

// comparePrefixes orders by address, and the wider network first.
func comparePrefixes(a, b netip.Prefix) int {
	if order := a.Addr().Compare(b.Addr()); order != 0 {
		return order
	}
	return a.Bits() - b.Bits()
}
