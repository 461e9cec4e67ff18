package hardening

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// placeAndAsk goes on where the common agent is not there or does not
// work: the first visit, another architecture, a damaged file.
func placeAndAsk(ctx context.Context, target Looker, p Policy, tried string) (*facts.Facts, string, error) {
	return machine.AskAgent(ctx, target, p.Agents, tried, func(path string) (*facts.Facts, error) {
		return ask(ctx, target, path, p.request())
	})
}

// mayBeBroken reports whether placing the agent could mend err.
func mayBeBroken(err error) bool { return machine.AgentMayBeBroken(err) }

// ask runs the agent once.
func ask(ctx context.Context, r machine.Reader, path string, req facts.Request) (*facts.Facts, error) {
	request, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("write the request for facts: %w", err)
	}
	var f facts.Facts
	begin := time.Now()
	if err := machine.AgentDocument(ctx, r, machine.NodeFacts(path, request), "facts", &f); err != nil {
		return nil, err
	}
	if err := machine.CheckAgentFormat("facts", f.Version, facts.Version); err != nil {
		return nil, err
	}
	f.Took = time.Since(begin)
	return &f, nil
}
