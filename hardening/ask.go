package hardening

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// placeAndAsk goes on where the common agent is not there or does not
// work: the first visit, another architecture, a damaged file.
func placeAndAsk(ctx context.Context, target Looker, p Policy, tried string) (*facts.Facts, string, error) {
	arch, err := archOf(ctx, target)
	if err != nil {
		return nil, "", err
	}
	a, err := p.Agents.For(arch)
	if err != nil {
		return nil, "", err
	}
	if a.Path != tried {
		if f, err := ask(ctx, target, a.Path, p.request()); !mayBeBroken(err) {
			return f, a.Path, err
		}
	}
	if err := target.Place(ctx, a); err != nil {
		return nil, "", fmt.Errorf("place the node agent: %w", err)
	}
	f, err := ask(ctx, target, a.Path, p.request())
	return f, a.Path, err
}

func archOf(ctx context.Context, r machine.Reader) (string, error) {
	out, err := r.Query(ctx, machine.Architecture())
	if err != nil {
		return "", fmt.Errorf("ask for the architecture: %w", err)
	}
	switch name := strings.TrimSpace(string(out.Stdout)); name {
	case "x86_64":
		return "amd64", nil
	case "aarch64":
		return "arm64", nil
	default:
		return "", machine.WithHint(fmt.Errorf("architecture %q is not supported", name), "k3sedge runs on x86_64 and aarch64")
	}
}

// errNoFacts is an agent that ended well and did not print a whole document.
var errNoFacts = errors.New("no whole document")

// mayBeBroken reports whether err can come of an agent that is not there, is
// another machine's, or is damaged: a shell takes what the kernel refuses to
// run for a script, which may end in any way. Placing finds out.
func mayBeBroken(err error) bool {
	var exit *machine.ExitError
	return errors.As(err, &exit) || errors.Is(err, errNoFacts)
}

// withoutCommand takes off an error the words with which a query begins it:
// on a host that was not reached, what would have been run says nothing.
func withoutCommand(err error) error {
	if _, hinted := err.(interface{ Hint() string }); hinted {
		return err // already the reason itself
	}
	if inner := errors.Unwrap(err); machine.StateOf(inner) != "" {
		return inner
	}
	return err
}

// ask runs the agent once.
func ask(ctx context.Context, r machine.Reader, path string, req facts.Request) (*facts.Facts, error) {
	request, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("write the request for facts: %w", err)
	}
	out, err := r.Query(ctx, machine.NodeFacts(path, request))
	if machine.StateOf(err) != "" {
		return nil, withoutCommand(err)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for facts: %w", err)
	}
	var f facts.Facts
	if err := json.Unmarshal(out.Stdout, &f); err != nil {
		return nil, fmt.Errorf("read the facts: %w: %w", errNoFacts, err)
	}
	if f.Version != facts.Version {
		return nil, machine.WithHint(fmt.Errorf("the facts have format %d, wanted %d", f.Version, facts.Version), "build k3sedge and its agents together with `make build`")
	}
	return &f, nil
}
