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
