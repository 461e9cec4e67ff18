package look

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// errPartial is an answer that leaves out what it was asked for.
var errPartial = errors.New("the answer is not complete")

// Remote is a Looker through the node agent of a host.
type Remote struct {
	Target machine.AgentTarget
	Agents machine.Agents
}

// Look asks the agent, and places it first where it is missing.
func (h Remote) Look(ctx context.Context, r Request) (Answer, error) {
	return Ask(ctx, h.Target, h.Agents, r)
}

// Ask looks at a host through its node agent, which it places first where it is
// missing or damaged. An agent that is there is one round trip.
func Ask(ctx context.Context, t machine.AgentTarget, agents machine.Agents, r Request) (Answer, error) {
	if err := r.Check(); err != nil {
		return Answer{}, fmt.Errorf("look: %w: %w", ErrRequest, err)
	}
	request, err := json.Marshal(r)
	if err != nil {
		return Answer{}, fmt.Errorf("write the request for a look: %w", err)
	}
	a, _, err := machine.AskAgent(ctx, t, agents, "", func(path string) (Answer, error) {
		var a Answer
		err := machine.AgentDocument(ctx, t, machine.Look(path, request), "answers", &a)
		if err == nil {
			err = machine.CheckAgentFormat("answers", a.Version, Version)
		}
		return a, err
	})
	if err == nil {
		err = a.covers(r)
	}
	if err != nil {
		return Answer{}, err
	}
	return a, nil
}

// covers reports whether the answer says something of all that was asked for:
// what it leaves out would be taken for absent.
func (a Answer) covers(r Request) error {
	var errs []error
	want := func(part string, there bool, what string) {
		if _, failed := a.Failed[part]; !there && !failed {
			errs = append(errs, fmt.Errorf("%w: %s %s", errPartial, part, what))
		}
	}
	for _, f := range r.Files {
		_, there := a.Files[f.Path]
		want("files", there, f.Path)
	}
	for _, name := range r.Units {
		_, there := a.Units[name]
		want("units", there, name)
	}
	for _, name := range r.Journals {
		_, there := a.Journals[name]
		want("journals", there, name)
	}
	for _, folder := range r.Spaces {
		_, there := a.Spaces[folder]
		want("spaces", there, folder)
	}
	want("dials", len(a.Dials) == len(r.Dials), fmt.Sprintf("%d of %d", len(a.Dials), len(r.Dials)))
	// A host that was reached listens, and has an address.
	want("ports", len(a.Ports) > 0 || !r.Ports, "of none")
	want("interfaces", len(a.Interfaces) > 0 || !r.Interfaces, "of none")
	return errors.Join(errs...)
}
