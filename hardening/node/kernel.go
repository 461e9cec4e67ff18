package node

import (
	"context"
	"net"

	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// netlinkKernel is the kernel that the agent runs on.
type netlinkKernel struct{}

// Ruleset reads all tables.
func (netlinkKernel) Ruleset() (*firewall.Ruleset, error) { return firewall.ReadRuleset() }

// Scratch loads nft text into an empty network namespace and reads it back.
func (netlinkKernel) Scratch(ctx context.Context, ruleset string) (*firewall.Table, error) {
	return firewall.Scratch(ctx, ruleset)
}

// Decide asks the kernel for the way of each packet, and the ruleset for the rest.
func (netlinkKernel) Decide(rules *firewall.Ruleset, packets []firewall.Packet) ([]firewall.Decision, error) {
	routes, err := firewall.OpenRoutes()
	if err != nil {
		return nil, err
	}
	defer func() { _ = routes.Close() }() // nothing was written
	return rules.Judge(routes).DecideHere(packets), nil
}

// Links names the interfaces.
func (netlinkKernel) Links() ([]string, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(links))
	for _, link := range links {
		names = append(names, link.Name)
	}
	return names, nil
}
