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
	// IPv6 are the same for IPv6. Left out, pods and services have IPv4 only.
	IPv6 *K3sNetworks6 `yaml:"ipv6,omitempty"`
	// TLSSANs are further names and addresses in the API's certificate.
	TLSSANs []string `yaml:"tlsSANs,omitempty"`
	// AllowFrom are the sources that may reach the API on the servers' port
	// 6443 directly. Nobody but the nodes may, unless the file says so: it is
	// reached through SSH.
	AllowFrom []netip.Prefix `yaml:"allowFrom,omitempty"`
}

// K3sNetworks6 are the cluster's own networks of IPv6.
type K3sNetworks6 struct {
	PodCIDR     netip.Prefix `yaml:"podCIDR"`
	ServiceCIDR netip.Prefix `yaml:"serviceCIDR"`
}

// Networks are all of the cluster's own.
func (k *K3s) Networks() []netip.Prefix {
	if k == nil {
		return nil
	}
	out := []netip.Prefix{k.PodCIDR, k.ServiceCIDR}
	if k.IPv6 != nil {
		out = append(out, k.IPv6.PodCIDR, k.IPv6.ServiceCIDR)
	}
	return out
}
