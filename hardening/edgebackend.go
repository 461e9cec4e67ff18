package hardening

import (
	"context"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// PartBypass are the servers as the operator's machine reaches them.
const PartBypass Part = "cluster bypass"

// bypassPatience is how long a server may take to answer the operator's
// machine, in milliseconds. Most are next door; one that is to be closed lets
// everybody wait for all of it.
const bypassPatience = 250

func dialServer(address string) string { return "server " + address }

// serverDials try the servers of the services that this node asks for.
func (p Policy) serverDials() map[string]look.Dial {
	out := map[string]look.Dial{}
	for _, s := range p.asked() {
		for _, address := range s.To {
			out[dialServer(address)] = look.Dial{Address: address, Millis: serverPatience}
		}
	}
	return out
}

// strictServers are the services that any of the nodes asks for, where the
// profile wants to know who else reaches their servers; nil where it does not.
func (p Policy) strictServers() []EdgeService {
	if p.Profile != Strict || p.Cluster == nil {
		return nil
	}
	all := p.opened()
	return append([]EdgeService{}, all[:min(len(all), mostHosts*len(p.nodes()))]...)
}

// bypass tries the servers from the machine that it runs on.
func bypass(ctx context.Context, services []EdgeService) map[string]look.DialAnswer {
	var r look.Request
	for _, s := range services {
		for _, address := range s.To {
			r.Dials = append(r.Dials, look.Dial{Address: address, Millis: bypassPatience})
		}
	}
	out := map[string]look.DialAnswer{}
	for i, a := range look.Here(ctx, r).Dials {
		out[r.Dials[i].Address] = a
	}
	return out
}

func checkBypass(f *facts.Facts, p Policy) Verdict {
	var wrong, unseen []string
	here, servers := present(f, p), 0
	if len(here) == 0 {
		return noService(p)
	}
	for _, s := range here {
		for _, address := range s.To {
			servers++
			outside, asked := f.Cluster.Edge.Bypass[address]
			fromNode, tried := f.Wire[dialServer(address)]
			switch {
			case asked && outside.Outcome == look.Answered:
				wrong = append(wrong, fmt.Sprintf("%s of service %s answers the machine that k3sedge runs on, past the edge", address, s.Name))
			case !asked || !tried:
				unseen = append(unseen, address+": nobody has tried it")
			case fromNode.Outcome != look.Answered:
				unseen = append(unseen, fmt.Sprintf("%s answers nobody: from the node %s, from here %s", address, words(fromNode), words(outside)))
			}
		}
	}
	slices.Sort(wrong)
	return settle(wrong, unseen, fmt.Sprintf("%d servers answer the node, and not the machine that k3sedge runs on; %s", servers, looked(p, here)),
		"servers answer the nodes and nobody else, as far as it can be seen from the machine that k3sedge runs on")
}
