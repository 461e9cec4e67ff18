package node

import (
	"context"
	"fmt"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// firewall reads the kernel's tables and lets the kernel read the wanted one.
func (h Host) firewall(ctx context.Context, ruleset string) (*facts.Firewall, error) {
	names, err := h.Kernel.Tables()
	if err != nil {
		return nil, err
	}
	out := facts.Firewall{Foreign: []string{}}
	for _, name := range names {
		if name != ownFamily+" "+ownTable {
			out.Foreign = append(out.Foreign, name)
			continue
		}
		if out.Own, err = h.Kernel.Table(ownFamily, ownTable); err != nil {
			return nil, err
		}
	}
	if ruleset == "" {
		return &out, nil
	}
	if err := checkRuleset(ruleset); err != nil {
		return &out, fmt.Errorf("wanted ruleset: %w", err)
	}
	out.Wanted, err = h.Kernel.Scratch(ctx, ruleset)
	return &out, err
}
