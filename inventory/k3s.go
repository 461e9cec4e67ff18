package inventory

import "net/netip"

// K3s says which K3s runs on the nodes and where it comes from.
type K3s struct {
	// Version is a release of K3s, such as v1.35.5+k3s1. Left out, it stays
	// empty: k3s/release knows the default.
	Version string `yaml:"version,omitempty"`
	// Bundle is a folder with the release's files under the names that K3s
	// publishes them with; nothing is downloaded then.
	Bundle string `yaml:"bundle,omitempty"`
	// Binary is file:PATH of a k3s binary that takes the place of the
	// release's, for nodes of one architecture.
	Binary string `yaml:"binary,omitempty"`
	// PodCIDR and ServiceCIDR are the cluster's own networks. (Without
	// omitempty for the reason given at Network.Gateway.)
	PodCIDR     netip.Prefix `yaml:"podCIDR"`
	ServiceCIDR netip.Prefix `yaml:"serviceCIDR"`
	// TLSSANs are further names and addresses in the API's certificate.
	TLSSANs []string `yaml:"tlsSANs,omitempty"`
	// AllowFrom are the sources that may reach the API on the servers' port
	// 6443 directly. Nobody but the nodes may, unless the file says so: it is
	// reached through SSH.
	AllowFrom []netip.Prefix `yaml:"allowFrom,omitempty"`
}

// Edge says how requests reach the nodes from outside.
type Edge struct {
	Mode EdgeMode `yaml:"mode,omitempty"`
	// RateLimit is the limit for each client on the LAN, such as 100/s:200
	// (average per unit, and burst), TunnelRateLimit that for each visitor
	// through the tunnel. Services may set their own.
	RateLimit       RateLimit `yaml:"rateLimit,omitempty"`
	TunnelRateLimit RateLimit `yaml:"tunnelRateLimit,omitempty"`
	// AllowFrom are further sources that may reach ports 80 and 443. The LAN
	// (network.cidr) always may; in mode portforward Cloudflare may as well.
	AllowFrom []netip.Prefix `yaml:"allowFrom,omitempty"`
}

// EdgeMode is the way in from the internet.
type EdgeMode string

// The edge modes.
const (
	EdgeLAN         EdgeMode = "lan"         // no way in
	EdgePortForward EdgeMode = "portforward" // the router forwards 80 and 443; Cloudflare stands in front
	EdgeTunnel      EdgeMode = "tunnel"      // cloudflared dials out and hands over on loopback
)
