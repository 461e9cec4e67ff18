package cloudflare

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
)

// maxComment is what a record's comment holds on Cloudflare's smallest plan.
const maxComment = 100

// recordMark is the comment of the records of a service.
func recordMark(cluster, service string) string {
	mark := "k3sedge:" + cluster + "/" + service
	return mark[:min(len(mark), maxComment)]
}

// Records are those of the services, by host. A public service is an alias of
// the tunnel, or in mode portforward the public addresses; one for the LAN has
// the nodes' own addresses, and requests do not go through Cloudflare. There
// is none for a wildcard: it would publish every name.
func Records(c inventory.Cluster, services []inventory.Service, tunnel string) []Record {
	var out []Record
	for _, s := range services {
		if strings.HasPrefix(s.Host, "*.") || c.Edge == nil || c.Edge.Cloudflare == nil {
			continue
		}
		r := Record{Name: s.Host, TTL: 1, Comment: recordMark(c.ID, s.Name), zone: c.Edge.Cloudflare.Zone(s.Host)}
		switch {
		case tunnelled(c, s):
			r.Type, r.Content, r.Proxied = "CNAME", tunnel, true
			out = append(out, r)
		case s.Expose == inventory.ExposePublic:
			r.Proxied = true
			out = append(out, addressed(r, c.Edge.PublicAddresses)...)
		default:
			out = append(out, addressed(r, nodeAddresses(c))...)
		}
	}
	slices.SortStableFunc(out, func(a, b Record) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// addressed is a record for each address.
func addressed(r Record, addresses []netip.Addr) []Record {
	var out []Record
	for _, a := range addresses {
		r.Type, r.Content = "A", a.Unmap().String()
		if a.Unmap().Is6() {
			r.Type = "AAAA"
		}
		out = append(out, r)
	}
	return out
}

func nodeAddresses(c inventory.Cluster) []netip.Addr {
	var out []netip.Addr
	for _, n := range c.Nodes {
		out = append(out, n.Addresses()...)
	}
	return out
}

// Note tells what of a service is left to the user, or "".
func Note(c inventory.Cluster, s inventory.Service) string {
	switch {
	case c.Edge == nil || c.Edge.Cloudflare == nil:
		return ""
	case strings.HasPrefix(s.Host, "*."):
		return "no record is made for the wildcard " + s.Host + ": make one for each name that is in use, DNS only, with the nodes' addresses"
	case c.Edge.Mode == inventory.EdgePortForward && s.Expose == inventory.ExposePublic && len(c.Edge.PublicAddresses) == 0:
		return "k3sedge does not know the public address of your router: make the record " + s.Host + " yourself, proxied, or name the address in edge.publicAddresses"
	}
	return ""
}
