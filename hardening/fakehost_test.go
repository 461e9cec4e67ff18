package hardening

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// fakeHost is a host with an agent that keeps the contract: a transaction is
// pending until it is confirmed. What it was not told makes the test fail.
type fakeHost struct {
	t      *testing.T
	arch   string
	placed map[string]bool
	now    *facts.Facts // what the agent reports
	after  *facts.Facts // what it reports once a transaction is applied

	applyErr, confirmErr error
	queryErr             error // of every query but that for the architecture
	damaged              bool  // the agent: it prints nothing, and ends with damage
	damage               error
	answer               string // to apply, instead of the right one
	ended                string // how a transaction ends whose confirmation fails
	redial               func(attempt int) error
	onRedial             func() // something that happens on the host meanwhile
	onFacts              func() // after each look

	mu      sync.Mutex
	calls   []string
	sent    facts.Transaction
	request facts.Request
	swept   []string // the command that sweeps
	redials int
	open    int // sessions
}

func newHost(t *testing.T, now *facts.Facts) *fakeHost {
	return &fakeHost{t: t, arch: "x86_64", placed: map[string]bool{"/agent-amd64": true}, now: now, redial: func(int) error { return nil }}
}

func (h *fakeHost) did(call string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, call)
}

func (h *fakeHost) Query(ctx context.Context, q machine.Query) (machine.Output, error) {
	c := q.Command()
	switch argv := strings.Join(c.Argv, " "); {
	case ctx.Err() != nil:
		return machine.Output{}, context.Cause(ctx)
	case h.queryErr != nil && argv != "uname -m":
		return machine.Output{}, h.queryErr
	case argv == "uname -m":
		h.did("arch")
		return machine.Output{Stdout: []byte(h.arch + "\n")}, nil
	case argv == "true" && c.Root:
		h.did("sudo")
		return machine.Output{}, nil
	case len(c.Argv) == 3 && c.Argv[2] == "facts" && c.Root:
		h.did("facts " + c.Argv[1])
		return h.facts(c.Argv[1], c.Stdin)
	default:
		h.t.Errorf("query that nobody expected: %q", argv)
		return machine.Output{}, fmt.Errorf("unexpected query %q", argv)
	}
}

func (h *fakeHost) facts(path string, stdin []byte) (machine.Output, error) {
	if !h.placed[path] {
		return machine.Output{}, &machine.ExitError{Command: path, Code: 127, Stderr: "No such file or directory"}
	}
	if h.damaged {
		return machine.Output{}, h.damage
	}
	if err := json.Unmarshal(stdin, &h.request); err != nil {
		return machine.Output{}, err
	}
	out, err := json.Marshal(h.now)
	if h.onFacts != nil {
		h.onFacts()
	}
	return machine.Output{Stdout: out}, err
}

func (h *fakeHost) Run(_ context.Context, c machine.Command) (machine.Output, error) {
	if !c.Root || len(c.Argv) < 2 {
		h.t.Errorf("command that nobody expected: %q", c.Argv)
	}
	h.did(c.Argv[1])
	switch {
	case c.Argv[1] == "apply" && h.applyErr != nil:
		return machine.Output{}, h.applyErr
	case c.Argv[1] == "apply" && h.answer != "":
		return machine.Output{Stdout: []byte(h.answer)}, nil
	case c.Argv[1] == "apply":
		return h.apply(c)
	case c.Argv[1] == "confirm" && h.confirmErr != nil:
		if h.ended != "" {
			h.now.Pending, h.now.Last = nil, &facts.Outcome{ID: h.sent.ID, Result: h.ended}
		}
		return machine.Output{}, h.confirmErr
	case c.Argv[1] == "confirm" && c.Argv[2] == h.sent.ID:
		h.now.Pending = nil
		return machine.Output{}, nil
	case c.Argv[0] == "find":
		h.swept = c.Argv
		return machine.Output{}, nil
	}
	h.t.Errorf("command that nobody expected: %q", c.Argv)
	return machine.Output{}, fmt.Errorf("unexpected command %q", c.Argv)
}

func (h *fakeHost) apply(c machine.Command) (machine.Output, error) {
	if err := json.Unmarshal(c.Stdin, &h.sent); err != nil {
		return machine.Output{}, err
	}
	if h.after != nil {
		h.now = h.after
	}
	h.now.Pending = &facts.Pending{ID: h.sent.ID, Deadline: h.now.System.UnixTime + int64(h.sent.Window)}
	out, err := json.Marshal(facts.Applied{ID: h.sent.ID, Deadline: h.now.Pending.Deadline})
	return machine.Output{Stdout: out}, err
}

func (h *fakeHost) WriteFile(_ context.Context, f machine.File) error {
	h.t.Errorf("file that nobody expected: %s", f.Path)
	return fmt.Errorf("unexpected file %s", f.Path)
}

func (h *fakeHost) Place(_ context.Context, a machine.Agent) error {
	h.did("place " + a.Path)
	h.placed[a.Path], h.damaged = true, false
	return nil
}

func (h *fakeHost) Redial(context.Context) (machine.Session, error) {
	h.did("redial")
	h.redials++
	if err := h.redial(h.redials); err != nil {
		return nil, err
	}
	if h.onRedial != nil {
		h.onRedial()
	}
	h.open++
	return fakeSession{h}, nil
}

type fakeSession struct{ *fakeHost }

func (s fakeSession) Close() error {
	s.open--
	return nil
}

func (h *fakeHost) count(call string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (h *fakeHost) wantCalls(want ...string) {
	h.t.Helper()
	if !slices.Equal(h.calls, want) {
		h.t.Errorf("calls %q\nwanted %q", h.calls, want)
	}
}
