package hardening

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// EdgePolicy is what the edge shall hold, by the cluster's file and its services.
type EdgePolicy struct {
	Mode inventory.EdgeMode
	// Trusted are the networks that may say whom they speak for.
	Trusted  []netip.Prefix
	Services []EdgeService
}

// EdgeService is what a service's file asks of the edge.
type EdgeService struct {
	Name, Host string
	// Ask is a host that the service answers to: its own, or one under its wildcard.
	Ask string
	To  []string
	// HSTS is how long browsers shall insist on TLS; 0 where the file wants none.
	HSTS time.Duration
	// Passthrough leaves TLS and all that is inside of it to the servers.
	Passthrough bool
}

// WithServices adds what is behind the edge to the policy of a node.
func (p Policy) WithServices(services []inventory.Service) Policy {
	if p.Cluster == nil {
		return p
	}
	c := *p.Cluster
	c.Edge.Services = nil
	for _, s := range services {
		c.Edge.Services = append(c.Edge.Services, EdgeService{Name: s.Name, Host: s.Host, Ask: s.SomeHost(), To: s.To, HSTS: hstsOf(s), Passthrough: s.Passthrough})
	}
	slices.SortFunc(c.Edge.Services, func(a, b EdgeService) int { return strings.Compare(a.Host, b.Host) })
	p.Cluster = &c
	return p
}

// hstsOf is the shortest age that the service's answers may have; by default a year.
func hstsOf(s inventory.Service) time.Duration {
	const year = 365 * 24 * time.Hour
	switch {
	case s.Headers == nil:
		return year
	case s.Headers.HSTS == inventory.Off:
		return 0
	}
	age, set, err := s.Headers.MaxAge()
	if !set || err != nil {
		return year // the file's value was checked when it was read
	}
	return age
}

// edgePolicy is the part that does not depend on services.
func edgePolicy(c inventory.Cluster, published []netip.Prefix) EdgePolicy {
	e := EdgePolicy{Mode: inventory.EdgeLAN, Trusted: published}
	if c.Edge != nil && c.Edge.Mode != "" {
		e.Mode = c.Edge.Mode
	}
	return e
}

// mostHosts is how many services one node asks for: each costs Traefik a
// handshake and a server a page.
const mostHosts = 24

// nodes are all of them, each by one address.
func (p Policy) nodes() []netip.Addr {
	out := []netip.Addr{p.Address}
	for _, a := range p.Peers {
		if a.Is4() {
			out = append(out, a)
		}
	}
	return out
}

// opened are the services that the edge speaks for. What the others say is
// their servers' own.
func (p Policy) opened() []EdgeService {
	return slices.DeleteFunc(slices.Clone(p.Cluster.Edge.Services), func(s EdgeService) bool { return s.Passthrough })
}

// asked are the services that this node asks for. Where there are more, the
// nodes share them out.
func (p Policy) asked() []EdgeService {
	all := p.opened()
	if len(all) <= mostHosts {
		return all
	}
	nodes := p.nodes()
	slices.SortFunc(nodes, netip.Addr.Compare)
	first := slices.Index(nodes, p.Address) * mostHosts
	out := make([]EdgeService, 0, mostHosts)
	for i := range mostHosts {
		out = append(out, all[(first+i)%len(all)])
	}
	return out
}

// The names of the dials.
func dialTLS(host string) string  { return "https " + host }
func dialHTTP(host string) string { return "http " + host }
func dialOld(host string) string  { return "old TLS " + host }
func dialWeak(host string) string { return "weak TLS " + host }
func dialPort(port uint16) string { return fmt.Sprintf("port %d", port) }

const dialStranger = "https of nobody"

// strangerHost is a host that nobody can have (RFC 2606).
const strangerHost = "k3sedge-stranger.invalid"

// innerPorts are those of Traefik's dashboard, API, metrics and tunnel, as its
// chart has or had them. All of them belong on loopback.
func innerPorts() []uint16 { return []uint16{8080, 8444, 9000, 9100, 9101} }

// serverPatience bounds a dial behind which a server elsewhere has to answer, in
// milliseconds: one that is off costs every look this long. A handshake with
// the node itself, before, is part of it.
const serverPatience = 10_000

// edgeDials are what the agent shall try at the node's own address.
func (p Policy) edgeDials() map[string]look.Dial {
	if p.Cluster == nil {
		return nil
	}
	out := map[string]look.Dial{
		dialStranger: {Address: hostPort(p.Address, portHTTPS), TLS: true, ServerName: strangerHost, AnyCert: true, HTTP: true, Host: strangerHost, Millis: facts.WirePatience},
	}
	for _, port := range innerPorts() {
		out[dialPort(port)] = look.Dial{Address: hostPort(p.Address, port), Millis: facts.WirePatience}
	}
	if p.Profile == Strict {
		maps.Copy(out, p.serverDials())
	}
	for i, s := range p.asked() {
		out[dialHTTP(s.Ask)] = look.Dial{Address: hostPort(p.Address, portHTTP), HTTP: true, Host: s.Ask, Millis: facts.WirePatience}
		out[dialTLS(s.Ask)] = look.Dial{Address: hostPort(p.Address, portHTTPS), TLS: true, ServerName: s.Ask, AnyCert: true, HTTP: true, Host: s.Ask, Millis: serverPatience}
		// One entrypoint speaks for all: what differs by host is in the API.
		const few = 3
		if i < few {
			out[dialOld(s.Ask)] = look.Dial{Address: hostPort(p.Address, portHTTPS), TLS: true, ServerName: s.Ask, AnyCert: true, Old: true, Millis: facts.WirePatience}
			out[dialWeak(s.Ask)] = look.Dial{Address: hostPort(p.Address, portHTTPS), TLS: true, ServerName: s.Ask, AnyCert: true, Weak: true, Millis: facts.WirePatience}
		}
	}
	return out
}
