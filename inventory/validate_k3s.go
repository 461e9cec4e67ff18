package inventory

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
)

const k3sHint = "write k3s: {} for K3s with the defaults of this version of k3sedge"

var (
	// releaseForm is that of K3s' releases; the part behind + tells K3s' own
	// releases of one Kubernetes version apart.
	releaseForm = regexp.MustCompile(`^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z.-]+)?\+[0-9A-Za-z][0-9A-Za-z.-]*$`)
	channelForm = regexp.MustCompile(`^([a-z]+|v[0-9]+\.[0-9]+)$`)
)

// Limits of Kubernetes: each node gets a /24 of the pods' network, which may
// be at most 16 bits larger; the services' network has at most 20 bits, and
// K3s puts its DNS at the tenth address.
const (
	nodePodBits = 24
	minPodBits  = 8
	minSvcBits  = 12
	maxSvcBits  = 28
)

func validateK3s(c Cluster, f *findings) {
	if c.K3s == nil {
		f.check(c.Edge == nil, "edge", "needs k3s, which is missing", k3sHint)
		return
	}
	validateRelease(*c.K3s, f)
	validateOwnNetworks(c, f)
	seen := unique{}
	for i, san := range c.K3s.TLSSANs {
		path := indexPath("k3s.tlsSANs", i)
		f.check(isNameOrAddress(san), path, "neither a host name nor an address", "write it like k3s.lan or 10.0.0.10")
		seen.check(f, path, san)
	}
	for i, p := range c.K3s.AllowFrom {
		validateSource(f, indexPath("k3s.allowFrom", i), p)
	}
	if f.require(c.Edge != nil, "edge", "write edge: {mode: lan}") {
		validateEdge(c, f)
	}
}

func isNameOrAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && isUnicast(a) || err != nil && isHostName(s)
}

func validateRelease(k K3s, f *findings) {
	const hint = "write one release with its suffix, such as v1.35.5+k3s1; leave it out for the one that k3sedge was tested with"
	if k.Version != "" && !releaseForm.MatchString(k.Version) {
		message := "not a release of K3s"
		if channelForm.MatchString(k.Version) {
			message = "a channel, which changes by itself"
		}
		f.add("k3s.version", message, hint)
	}
	if k.Bundle != "" {
		validateBundle(f, "k3s.bundle", k.Bundle)
	}
	if k.Binary == "" {
		return
	}
	file, ok := strings.CutPrefix(k.Binary, "file:")
	if f.check(ok && file != "", "k3s.binary", "not file:PATH", "name a k3s binary on this machine; leave it out for that of the release") {
		info, err := os.Stat(file)
		switch {
		case err != nil:
			f.add("k3s.binary", fmt.Sprintf("%s: %s", file, reason(err)), fileHint(err))
		case !info.Mode().IsRegular() || info.Size() == 0:
			f.add("k3s.binary", file+" is not a program", "name the file k3s of a release")
		}
	}
}

func validateBundle(f *findings, path, folder string) {
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		f.add(path, fmt.Sprintf("%s: %s", folder, reason(err)), fileHint(err))
	case !info.IsDir():
		f.add(path, folder+" is not a folder", "name the folder with the files of a release, such as k3s and sha256sum-amd64.txt")
	}
}

// validateOwnNetworks checks the networks inside the cluster. What overlaps
// one of them cannot be reached from the nodes any more.
func validateOwnNetworks(c Cluster, f *findings) {
	pods, services := c.K3s.PodCIDR, c.K3s.ServiceCIDR
	if validateOwnNetwork(c, f, "k3s.podCIDR", pods) &&
		f.check(pods.Bits() >= minPodBits && pods.Bits() <= nodePodBits, "k3s.podCIDR", "not a size for the pods' network", "lengths from /8 to /24 are usable, /16 is usual") {
		room := 1 << (nodePodBits - pods.Bits())
		f.check(room >= len(c.Nodes), "k3s.podCIDR", fmt.Sprintf("room for %d nodes, but there are %d", room, len(c.Nodes)), "every node takes a /24 of it; /16 is usual")
	}
	if validateOwnNetwork(c, f, "k3s.serviceCIDR", services) {
		f.check(services.Bits() >= minSvcBits && services.Bits() <= maxSvcBits, "k3s.serviceCIDR", "not a size for the services' network", "lengths from /12 to /28 are usable, /16 is usual")
		f.check(!services.Overlaps(pods), "k3s.serviceCIDR", "overlaps k3s.podCIDR", "give pods and services a network each")
	}
	if c.K3s.IPv6 != nil {
		validateOwnNetworks6(c, f)
	}
}

// Limits of Kubernetes: each node gets a /64 of the pods' network, which may be
// at most 16 bits larger; the services' network has at most 20 bits.
const (
	nodePodBits6 = 64
	minPodBits6  = 48
	minSvcBits6  = 108
	maxSvcBits6  = 124
)

// validateOwnNetworks6 checks those of IPv6, which the nodes' own addresses carry.
func validateOwnNetworks6(c Cluster, f *findings) {
	const at = "k3s.ipv6."
	own := *c.K3s.IPv6
	f.check(c.Network.IPv6 != nil, "k3s.ipv6", "needs network.ipv6: pods of other nodes are reached by the nodes' own addresses", "write network.ipv6, and address6 at each node")
	const hint = "choose a private network that nothing else uses, such as fd42:42::/56"
	lan := netip.Prefix{}
	if c.Network.IPv6 != nil {
		lan = c.Network.IPv6.CIDR
	}
	for i, p := range []netip.Prefix{own.PodCIDR, own.ServiceCIDR} {
		path := at + []string{"podCIDR", "serviceCIDR"}[i]
		if f.check(isNetwork6(p), path, "not an IPv6 network for machines", hint) {
			f.check(!lan.IsValid() || !p.Overlaps(lan), path, p.String()+" overlaps network.ipv6.cidr", hint)
		}
	}
	pods, services := own.PodCIDR.Bits(), own.ServiceCIDR.Bits()
	if f.check(pods >= minPodBits6 && pods <= nodePodBits6, at+"podCIDR", "not a size for the pods' network", "lengths from /48 to /64 are usable, /56 is usual") {
		room := 1 << (nodePodBits6 - pods)
		f.check(room >= len(c.Nodes), at+"podCIDR", fmt.Sprintf("room for %d nodes, but there are %d", room, len(c.Nodes)), "every node takes a /64 of it; /56 is usual")
	}
	f.check(services >= minSvcBits6 && services <= maxSvcBits6, at+"serviceCIDR", "not a size for the services' network", "lengths from /108 to /124 are usable, /112 is usual")
	f.check(!own.ServiceCIDR.Overlaps(own.PodCIDR), at+"serviceCIDR", "overlaps k3s.ipv6.podCIDR", "give pods and services a network each")
}

func validateOwnNetwork(c Cluster, f *findings, path string, p netip.Prefix) bool {
	const hint = "choose a private network that nothing else in your LAN uses, such as 172.20.0.0/16"
	return f.require(p.IsValid(), path, hint) &&
		f.check(p.Addr().Is4() && isUnicast(p.Addr()) && !p.Addr().IsLinkLocalUnicast(), path, "not an IPv4 network for machines", hint) &&
		f.check(p == p.Masked(), path, "has bits set behind its length", "the network is "+p.Masked().String()) &&
		f.check(!p.Overlaps(c.Network.CIDR), path, p.String()+" overlaps network.cidr", hint)
}
