package node

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// tableName is the one nftables table that the lab's node writes. Flannel and
// kube-proxy keep their rules in iptables' tables.
const tableName = "lab-pods"

// translations are what the pods need of flannel and of kube-proxy: the node's
// address when they speak with somebody outside, and the API's address.
type translations struct {
	pods    netip.Prefix     // the cluster's
	service netip.Addr       // of the API
	servers []netip.AddrPort // where it is really
}

// apiService is the Service of the API: the first address of their network.
func apiService(networks string) (netip.Addr, error) {
	p, err := primary(networks)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("the services' network: %w", err)
	}
	return p.Masked().Addr().Next(), nil
}

// primary is the first network of a list, which is the one of IPv4: the lab's
// pods have no other.
func primary(networks string) (netip.Prefix, error) {
	first, _, _ := strings.Cut(networks, ",")
	return netip.ParsePrefix(first)
}

// serversOf reads where the API is, from what it publishes itself.
func serversOf(published []*discoveryv1.EndpointSlice) []netip.AddrPort {
	var out []netip.AddrPort
	for _, s := range published {
		if s.Labels[discoveryv1.LabelServiceName] != "kubernetes" {
			continue
		}
		for _, e := range s.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				out = append(out, addresses(e, s.Ports)...)
			}
		}
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out)
}

// addresses are those of IPv4 of one endpoint.
func addresses(e discoveryv1.Endpoint, ports []discoveryv1.EndpointPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, text := range e.Addresses {
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is4() {
			continue
		}
		for _, p := range ports {
			if p.Port != nil {
				out = append(out, netip.AddrPortFrom(a, uint16(*p.Port)))
			}
		}
	}
	return out
}

// String is the table in nft's own words. It replaces itself as one, and
// touches no other.
func (t translations) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "add table ip %s\ndelete table ip %s\ntable ip %s {\n", tableName, tableName, tableName)
	b.WriteString("\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n")
	fmt.Fprintf(&b, "\t\tip saddr %s ip daddr != %s ip daddr != 224.0.0.0/4 masquerade\n\t}\n", t.pods, t.pods)
	b.WriteString("\tchain prerouting {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n")
	if len(t.servers) > 0 {
		fmt.Fprintf(&b, "\t\tip saddr %s ip daddr %s tcp dport 443 %s\n", t.pods, t.service, t.target())
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// target sends to the one server, or to each of them in turn.
func (t translations) target() string {
	if len(t.servers) == 1 {
		return "dnat to " + t.servers[0].String()
	}
	var to []string
	for i, s := range t.servers {
		to = append(to, fmt.Sprintf("%d : %s . %d", i, s.Addr(), s.Port()))
	}
	return fmt.Sprintf("dnat to numgen inc mod %d map { %s }", len(to), strings.Join(to, ", "))
}

// apply writes the table, if it is not what was written last or if somebody
// has taken it away.
func (t translations) apply(ctx context.Context, last string) (string, error) {
	text := t.String()
	if text == last && exec.CommandContext(ctx, "nft", "list", "table", "ip", tableName).Run() == nil {
		return last, nil
	}
	nft := exec.CommandContext(ctx, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(text)
	if out, err := nft.CombinedOutput(); err != nil {
		return "", fmt.Errorf("write nftables' table %s: %w: %s", tableName, err, strings.TrimSpace(string(out)))
	}
	return text, nil
}

// openPods lets pods have networks of their own, and the ways out of them.
func (n *node) openPods(ctx context.Context, up *tunnel, own string, published []*discoveryv1.EndpointSlice) error {
	pods, err := netip.ParsePrefix(own)
	if err != nil {
		return fmt.Errorf("the node's pod network: %w", err)
	}
	all, err := primary(n.ClusterCIDR)
	if err != nil {
		return fmt.Errorf("the cluster's pod network: %w", err)
	}
	service, err := apiService(n.ServiceCIDR)
	if err != nil {
		return err
	}
	t := translations{pods: all, service: service, servers: serversOf(published)}
	if up.rules, err = t.apply(ctx, up.rules); err != nil {
		return err
	}
	return n.network.open(pods, all, up.mtu)
}
