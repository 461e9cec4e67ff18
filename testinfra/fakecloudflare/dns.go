package fakecloudflare

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Names that connectors dial.
const (
	region1 = "region1.v2.argotunnel.com"
	region2 = "region2.v2.argotunnel.com"
)

// autoTTL is what a TTL of 1 means.
const autoTTL = 300

// found is what the name server knows of a question.
type found struct {
	code    dnsmessage.RCode
	ours    bool
	answers []dnsmessage.Resource
	// zone is that of the last name, for the SOA of a negative answer.
	zone *zone
}

// resolve answers a question as the name servers of the zones would; names of
// the lab are known as well. The caller holds the mutex.
func (s *Server) resolve(name string, kind dnsmessage.Type) found {
	var out found
	for range 8 { // an alias that leads on and on ends here
		if s.standing(NoAnswer, name) {
			return found{code: dnsmessage.RCodeServerFailure, ours: true}
		}
		if addrs, ok := s.hosts()[name]; ok {
			out.ours, out.zone = true, nil
			out.answers = append(out.answers, addresses(name, kind, addrs)...)
			return out
		}
		z := s.zoneOf(name)
		if z == nil || z.Status != "active" {
			out.zone = nil
			if len(out.answers) == 0 {
				out.code = dnsmessage.RCodeNameError
			}
			return out
		}
		out.ours, out.zone = true, z
		next := s.inZone(&out, z, question{name, kind})
		if next == "" {
			return out
		}
		name = next
	}
	return found{code: dnsmessage.RCodeServerFailure, ours: true}
}

type question struct {
	name string
	kind dnsmessage.Type
}

// inZone adds what a zone knows and gives the name that an alias leads to.
func (s *Server) inZone(out *found, z *zone, q question) (next string) {
	records, exists := s.at(z, q.name)
	before := len(out.answers)
	if q.name == z.Name {
		out.answers = append(out.answers, apex(z, q.kind)...)
	}
	if !exists && q.name != z.Name {
		out.code = dnsmessage.RCodeNameError
		return ""
	}
	for _, r := range records {
		if !r.Proxied && r.Type == strings.TrimPrefix(q.kind.String(), "Type") {
			out.answers = append(out.answers, resource(q.name, r))
		}
	}
	if len(out.answers) > before {
		return ""
	}
	for _, r := range records {
		if r.Proxied { // the edge answers for it; nobody is told what is behind
			out.answers = append(out.answers, addresses(q.name, q.kind, []netip.Addr{s.opts.Address})...)
			return ""
		}
		if r.Type == "CNAME" {
			if q.name != z.Name { // at the apex it is flattened
				out.answers = append(out.answers, resource(q.name, r))
			}
			return r.Content
		}
	}
	return ""
}

// at are the records of a name that are published, and whether the name is
// there at all. A wildcard stands in for names that are not.
func (s *Server) at(z *zone, name string) (records []*Record, exists bool) {
	records, exists = s.exactly(z, name)
	for parent := name; !exists && parent != z.Name; {
		_, parent, _ = strings.Cut(parent, ".")
		if wild, ok := s.exactly(z, "*."+parent); ok {
			return wild, true
		}
		if _, ok := s.exactly(z, parent); ok {
			break // the closest name that is there has no wildcard
		}
	}
	return records, exists
}

// exactly is at without wildcards. A name is there too if only one below it is.
func (s *Server) exactly(z *zone, name string) (records []*Record, exists bool) {
	for _, r := range s.state.Records {
		if r.Zone != z.Name || r.Type == "TXT" && s.standing(NotPublished, r.Name) {
			continue
		}
		if r.Name == name {
			records = append(records, r)
		}
		exists = exists || inside(r.Name, name)
	}
	return records, exists
}

// hosts are the names outside of the zones.
func (s *Server) hosts() map[string][]netip.Addr {
	edge := []netip.Addr{s.opts.Address}
	out := map[string][]netip.Addr{APIHost: edge, region1: edge, region2: edge, "ada." + nsDomain: edge, "bob." + nsDomain: edge}
	for name, addrs := range s.opts.Hosts {
		out[strings.ToLower(name)] = addrs
	}
	return out
}

func addresses(name string, kind dnsmessage.Type, addrs []netip.Addr) []dnsmessage.Resource {
	var out []dnsmessage.Resource
	for _, a := range addrs {
		switch {
		case kind == dnsmessage.TypeA && a.Is4():
			out = append(out, dnsmessage.Resource{Header: header(name, autoTTL), Body: &dnsmessage.AResource{A: a.As4()}})
		case kind == dnsmessage.TypeAAAA && a.Is6():
			out = append(out, dnsmessage.Resource{Header: header(name, autoTTL), Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return out
}

// resource is a record that is not proxied.
func resource(name string, r *Record) dnsmessage.Resource {
	ttl := uint32(r.TTL)
	if ttl == 1 {
		ttl = autoTTL
	}
	out := dnsmessage.Resource{Header: header(name, ttl)}
	switch r.Type {
	case "A":
		out.Body = &dnsmessage.AResource{A: netip.MustParseAddr(r.Content).As4()} // checked when it was made
	case "AAAA":
		out.Body = &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(r.Content).As16()}
	case "CNAME":
		out.Body = &dnsmessage.CNAMEResource{CNAME: dnsName(r.Content)}
	default:
		out.Body = &dnsmessage.TXTResource{TXT: strings255(r.Content)}
	}
	return out
}

// strings255 cuts a text into the strings of a TXT record.
func strings255(text string) []string {
	if len(text) > 1 && strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`) {
		text = text[1 : len(text)-1]
	}
	var out []string
	for part := range slices.Chunk([]byte(text), 255) {
		out = append(out, string(part))
	}
	return out
}

// apex are the records that every zone has.
func apex(z *zone, kind dnsmessage.Type) []dnsmessage.Resource {
	switch kind {
	case dnsmessage.TypeSOA:
		return []dnsmessage.Resource{soa(z)}
	case dnsmessage.TypeNS:
		var out []dnsmessage.Resource
		for _, ns := range z.servers() {
			out = append(out, dnsmessage.Resource{Header: header(z.Name, 86400), Body: &dnsmessage.NSResource{NS: dnsName(ns)}})
		}
		return out
	}
	return nil
}

func soa(z *zone) dnsmessage.Resource {
	return dnsmessage.Resource{Header: header(z.Name, 1800), Body: &dnsmessage.SOAResource{
		NS: dnsName(z.servers()[0]), MBox: dnsName("dns.cloudflare.com"), Serial: z.Serial, Refresh: 10000, Retry: 2400, Expire: 604800, MinTTL: 1800,
	}}
}

func header(name string, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsName(name), Class: dnsmessage.ClassINET, TTL: ttl}
}

// dnsName takes names that were checked: none is too long.
func dnsName(name string) dnsmessage.Name {
	out, _ := dnsmessage.NewName(name + ".")
	return out
}
