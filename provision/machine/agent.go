package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// commonArch is tried first, so that asking the usual machine is one round trip.
const commonArch = "amd64"

// errNoDocument is an agent that ended well and did not print a whole document.
var errNoDocument = errors.New("no whole document")

// Agents hands out the node agent by architecture. Asking for the path alone is cheap.
type Agents interface {
	Path(arch string) (string, error)
	For(arch string) (Agent, error)
}

// AgentTarget is a host on which the agent can be asked, and placed where it
// is missing.
type AgentTarget interface {
	Reader
	Placer
}

// AskAgent asks the agent at its path, and places it first where it is missing
// or damaged. It returns the path of the agent that answered. Where tried is
// set, that agent is known to be so already; else the common machine's is tried.
func AskAgent[T any](ctx context.Context, target AgentTarget, agents Agents, tried string, ask func(path string) (T, error)) (T, string, error) {
	var none T
	if tried == "" {
		path, err := agents.Path(commonArch)
		if err != nil {
			return none, "", err
		}
		if answer, err := ask(path); !AgentMayBeBroken(err) {
			return answer, path, err
		}
		tried = path
	}
	arch, err := archOf(ctx, target)
	if err != nil {
		return none, "", err
	}
	a, err := agents.For(arch)
	if err != nil {
		return none, "", err
	}
	if a.Path != tried {
		if answer, err := ask(a.Path); !AgentMayBeBroken(err) {
			return answer, a.Path, err
		}
	}
	if err := target.Place(ctx, a); err != nil {
		return none, "", fmt.Errorf("place the node agent: %w", err)
	}
	answer, err := ask(a.Path)
	return answer, a.Path, err
}

func archOf(ctx context.Context, r Reader) (string, error) {
	out, err := r.Query(ctx, Architecture())
	if err != nil {
		return "", fmt.Errorf("ask for the architecture: %w", err)
	}
	switch name := strings.TrimSpace(string(out.Stdout)); name {
	case "x86_64":
		return "amd64", nil
	case "aarch64":
		return "arm64", nil
	default:
		return "", WithHint(fmt.Errorf("architecture %q is not supported", name), "k3sedge runs on x86_64 and aarch64")
	}
}

// AgentMayBeBroken reports whether err can come of an agent that is not there,
// is another machine's, or is damaged: a shell takes what the kernel refuses to
// run for a script, which may end in any way. Placing finds out.
func AgentMayBeBroken(err error) bool {
	var exit *ExitError
	return errors.As(err, &exit) || errors.Is(err, errNoDocument)
}

// AgentDocument asks the agent once and reads the document it prints; what
// names the document in errors.
func AgentDocument(ctx context.Context, r Reader, q Query, what string, into any) error {
	out, err := r.Query(ctx, q)
	if StateOf(err) != "" {
		return withoutCommand(err)
	}
	if err != nil {
		return fmt.Errorf("ask for %s: %w", what, err)
	}
	if err := json.Unmarshal(out.Stdout, into); err != nil {
		return fmt.Errorf("read the %s: %w: %w", what, errNoDocument, err)
	}
	return nil
}

// CheckAgentFormat refuses a document of another format than the wanted one;
// what names it.
func CheckAgentFormat(what string, got, want int) error {
	if got == want {
		return nil
	}
	return WithHint(fmt.Errorf("the %s have format %d, wanted %d", what, got, want), "build k3sedge and its agents together with `make build`")
}

// withoutCommand takes off an error the words with which a query begins it:
// on a host that was not reached, what would have been run says nothing.
func withoutCommand(err error) error {
	if _, hinted := err.(interface{ Hint() string }); hinted {
		return err // already the reason itself
	}
	if inner := errors.Unwrap(err); StateOf(inner) != "" {
		return inner
	}
	return err
}
