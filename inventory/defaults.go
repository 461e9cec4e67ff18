package inventory

import (
	"cmp"
	"net/netip"
)

// Default fills in what the user left out. It is the only place that does.
func Default(c *Cluster) {
	c.SSH.User = or(c.SSH.User, "k3sedge")
	c.SSH.Port = or(c.SSH.Port, 22)
	if len(c.SSH.AllowFrom) == 0 && c.Network.CIDR.IsValid() {
		c.SSH.AllowFrom = []netip.Prefix{c.Network.CIDR}
	}
	if len(c.Network.DNS) == 0 && c.Network.Gateway.IsValid() {
		c.Network.DNS = []netip.Addr{c.Network.Gateway}
	}
	defaultK3s(c)
	c.Hardening.Profile = or(c.Hardening.Profile, Baseline)
	for i := range c.Nodes {
		n := &c.Nodes[i]
		n.Role = or(n.Role, roleAt(i))
		if c.Provider.Proxmox != nil {
			n.CPUs, n.Memory, n.Disk = or(n.CPUs, 2), or(n.Memory, 4*GiB), or(n.Disk, 20*GiB)
		}
	}
	if p := c.Provider.Proxmox; p != nil {
		p.Bridge = or(p.Bridge, "vmbr0")
		p.VMIDs = or(p.VMIDs, Range{First: 9100, Last: 9119})
		p.Storage.Disks = or(p.Storage.Disks, "local-lvm")
		p.Storage.Image = or(p.Storage.Image, "local")
		p.Storage.ISO = or(p.Storage.ISO, "local")
	}
}

// roleAt is the role of the node at position i: the first one is the server.
func roleAt(i int) Role {
	if i == 0 {
		return Server
	}
	return Agent
}

// defaultK3s is Default for what stands on the machines.
func defaultK3s(c *Cluster) {
	if c.K3s != nil {
		c.K3s.PodCIDR = or(c.K3s.PodCIDR, netip.MustParsePrefix("10.42.0.0/16"))
		c.K3s.ServiceCIDR = or(c.K3s.ServiceCIDR, netip.MustParsePrefix("10.43.0.0/16"))
		if x := c.K3s.IPv6; x != nil {
			x.PodCIDR = or(x.PodCIDR, netip.MustParsePrefix("fd42:42::/56"))
			x.ServiceCIDR = or(x.ServiceCIDR, netip.MustParsePrefix("fd42:43::/112"))
		}
		if c.Edge == nil {
			c.Edge = &Edge{}
		}
	}
	if c.Edge != nil {
		defaultEdge(c.Edge, c.Name)
	}
}

func defaultEdge(e *Edge, cluster string) {
	e.Mode = or(e.Mode, EdgeLAN)
	e.RateLimit, e.TunnelRateLimit = or(e.RateLimit, "100/s:200"), or(e.TunnelRateLimit, "50/s:100")
	if x := e.Certificates; x != nil {
		x.Issuer, x.Strategy, x.RenewBeforePercentage = or(x.Issuer, IssuerProduction), or(x.Strategy, CertPerHost), or(x.RenewBeforePercentage, 33)
		if len(x.Nameservers) == 0 {
			// The LAN's own resolver may answer for the zone with other records.
			x.Nameservers = []string{"1.1.1.1:53", "9.9.9.9:53"}
		}
	}
	if e.OverCloudflare() {
		e.Tunnel = cmp.Or(e.Tunnel, &Tunnel{})
		e.Tunnel.Name, e.Tunnel.Management = or(e.Tunnel.Name, "k3sedge-"+cluster), or(e.Tunnel.Management, TunnelRemote)
	}
}

// defaultService is Default for a service. Its rate limit stays empty: that of
// the edge applies then.
func defaultService(s *Service) {
	s.Expose = or(s.Expose, ExposeLAN)
	if s.Passthrough { // there are no headers to have a preset for
		s.Scheme = or(s.Scheme, SchemeHTTPS)
		return
	}
	s.Scheme, s.Preset = or(s.Scheme, SchemeHTTP), or(s.Preset, PresetWeb)
}

// or returns value, or instead where value was left out.
func or[T comparable](value, instead T) T {
	var none T
	if value == none {
		return instead
	}
	return value
}
