package node

import (
	"context"
	"fmt"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// firewall reads the kernel's tables and, at the same time, lets the kernel
// read the wanted one.
func (h Host) firewall(ctx context.Context, r facts.Request) (*facts.Firewall, error) {
	type tried struct {
		table *firewall.Table
		err   error
	}
	wanted := make(chan tried, 1)
	go func() {
		table, err := h.wanted(ctx, r.Ruleset)
		wanted <- tried{table, err}
	}()
	out, err := h.tables(r.Packets)
	scratch := <-wanted
	if err != nil {
		return nil, err
	}
	out.Wanted = scratch.table
	return out, scratch.err
}

func (h Host) wanted(ctx context.Context, ruleset string) (*firewall.Table, error) {
	if ruleset == "" {
		return nil, nil
	}
	if err := checkRuleset(ruleset); err != nil {
		return nil, fmt.Errorf("wanted ruleset: %w", err)
	}
	return h.Kernel.Scratch(ctx, ruleset)
}

// tables are what the kernel holds, and what it does with the packets.
func (h Host) tables(packets []firewall.Packet) (*facts.Firewall, error) {
	rules, err := h.Kernel.Ruleset()
	if err != nil {
		return nil, err
	}
	out := facts.Firewall{Foreign: []string{}, Breaks: []string{}}
	for _, table := range rules.Tables {
		if table.Family == ownFamily && table.Name == ownTable {
			out.Own = table
			continue
		}
		out.Foreign = append(out.Foreign, table.Family+" "+table.Name)
		out.Breaks = append(out.Breaks, table.BreaksIptables()...)
		out.Kube += table.ChainsNamed("KUBE-")
		out.Flannel += table.ChainsNamed("FLANNEL-")
	}
	if out.Links, err = h.Kernel.Links(); err != nil {
		return nil, err
	}
	if len(packets) > 0 {
		out.Decisions, err = h.Kernel.Decide(rules, packets)
	}
	return &out, err
}
