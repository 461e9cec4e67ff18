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

// placeAndAsk goes on where the common agent is not there: the first visit, or another architecture.
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
		if f, err := ask(ctx, target, a.Path, p.request()); !isMissing(err) {
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

func isMissing(err error) bool {
	var exit *machine.ExitError
	return errors.As(err, &exit) && (exit.Code == exitNotFound || exit.Code == exitNotRunnable)
}

// notReached names the node instead of a command that never got there, and
// keeps the hint. Any other error is returned as it is.
func notReached(node string, err error) error {
	var hinted interface {
		error
		Hint() string
	}
	var unreachable *machine.UnreachableError
	switch {
	case !errors.As(err, &unreachable):
		return err
	case errors.As(err, &hinted) && errors.As(hinted, &unreachable):
		return fmt.Errorf("reach %s: %w", node, hinted)
	}
	return fmt.Errorf("reach %s: %w", node, unreachable)
}

// ask runs the agent once.
func ask(ctx context.Context, r machine.Reader, path string, req facts.Request) (*facts.Facts, error) {
	request, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("write the request for facts: %w", err)
	}
	out, err := r.Query(ctx, machine.NodeFacts(path, request))
	if err != nil {
		return nil, fmt.Errorf("ask for facts: %w", err)
	}
	var f facts.Facts
	if err := json.Unmarshal(out.Stdout, &f); err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	if f.Version != facts.Version {
		return nil, machine.WithHint(fmt.Errorf("the facts have format %d, wanted %d", f.Version, facts.Version), "build k3sedge and its agents together with `make build`")
	}
	return &f, nil
}
