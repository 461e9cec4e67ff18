package firewall

import (
	_ "embed" // the ruleset's text
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/template"
)

//go:embed ruleset.nft.tmpl
var rulesetText string

// renderedSet is one set of the ruleset: who may reach which port.
type renderedSet struct {
	Name     string
	Type     string
	Elements []string
}

// Render makes the ruleset as nft text. Loading it replaces our table in one
// transaction and touches no other.
func Render(p Policy) (string, error) {
	if err := p.Validate(); err != nil {
		return "", fmt.Errorf("render firewall: %w", err)
	}
	tmpl, err := template.New("ruleset").Option("missingkey=error").Parse(rulesetText)
	if err != nil {
		return "", fmt.Errorf("parse ruleset template: %w", err)
	}
	var out strings.Builder
	if err := tmpl.Execute(&out, map[string]any{"Sets": p.sets(), "Pods": p.Pods}); err != nil {
		return "", fmt.Errorf("render firewall: %w", err)
	}
	return out.String(), nil
}

// portKey is one port of one protocol.
type portKey struct {
	proto string
	port  uint16
}

// sources gathers, per port, everyone who may reach it.
func (p Policy) sources() map[portKey][]netip.Prefix {
	ssh := portKey{"tcp", p.SSHPort}
	byPort := map[portKey][]netip.Prefix{ssh: slices.Clone(p.AdminSources)}
	for _, open := range p.Open {
		key := portKey{open.Proto, open.Port}
		byPort[key] = append(byPort[key], open.Sources...)
	}
	return byPort
}

// sets are the four sets of the ruleset. One without elements is kept: the
// rules that ask it stay the same.
func (p Policy) sets() []renderedSet {
	byPort := p.sources()
	var sets []renderedSet
	for _, proto := range []string{"tcp", "udp"} {
		var v4, v6 []string
		for _, port := range portsOf(byPort, proto) {
			for4, for6 := elementsOf(byPort[portKey{proto, port}], port)
			v4, v6 = append(v4, for4...), append(v6, for6...)
		}
		sets = append(sets,
			renderedSet{proto + "4", "ipv4_addr . inet_service", v4},
			renderedSet{proto + "6", "ipv6_addr . inet_service", v6})
	}
	return sets
}

// elementsOf are one port's elements, by family.
func elementsOf(sources []netip.Prefix, port uint16) (v4, v6 []string) {
	for _, prefix := range mergePrefixes(sources) {
		element := fmt.Sprintf("%s . %d", prefix, port)
		if prefix.Addr().Is4() {
			v4 = append(v4, element)
		} else {
			v6 = append(v6, element)
		}
	}
	return v4, v6
}

func portsOf(byPort map[portKey][]netip.Prefix, proto string) []uint16 {
	var ports []uint16
	for key := range byPort {
		if key.proto == proto {
			ports = append(ports, key.port)
		}
	}
	slices.Sort(ports)
	return ports
}
