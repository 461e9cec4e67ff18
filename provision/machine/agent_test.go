package machine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var errNotBuilt = errors.New("not built")

// fakeAgents has programs for these architectures.
type fakeAgents []string

func (a fakeAgents) Path(arch string) (string, error) {
	agent, err := a.For(arch)
	return agent.Path, err
}

func (a fakeAgents) For(arch string) (Agent, error) {
	if !slices.Contains(a, arch) {
		return Agent{}, errNotBuilt
	}
	return Agent{Path: "/agent-" + arch}, nil
}

// fakeTarget is a host of an architecture with agents in their places.
type fakeTarget struct {
	arch     string
	there    []string
	placeErr error
	calls    []string
}

func (h *fakeTarget) Query(_ context.Context, q Query) (Output, error) {
	c := q.Command()
	h.calls = append(h.calls, c.Argv[len(c.Argv)-1])
	if c.Argv[0] == "uname" {
		return Output{Stdout: []byte(h.arch + "\n")}, nil
	}
	return Output{Stdout: []byte(`{"a":1}`)}, nil
}

func (h *fakeTarget) Place(_ context.Context, a Agent) error {
	h.calls = append(h.calls, "place "+a.Path)
	h.there = append(h.there, a.Path)
	return h.placeErr
}

// ask answers where the agent is.
func (h *fakeTarget) ask(path string) (string, error) {
	h.calls = append(h.calls, path)
	if !slices.Contains(h.there, path) {
		return "", &ExitError{Command: path, Code: 127}
	}
	return "answer", nil
}

func TestAskAgent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		host  fakeTarget
		tried string
		calls string
	}{
		"the usual machine":         {fakeTarget{there: []string{"/agent-amd64"}}, "", "/agent-amd64"},
		"the first visit":           {fakeTarget{arch: "x86_64"}, "", "/agent-amd64, -m, place /agent-amd64, /agent-amd64"},
		"another machine":           {fakeTarget{arch: "aarch64", there: []string{"/agent-arm64"}}, "", "/agent-amd64, -m, /agent-arm64"},
		"another machine, at first": {fakeTarget{arch: "aarch64"}, "", "/agent-amd64, -m, /agent-arm64, place /agent-arm64, /agent-arm64"},
		"known to be missing":       {fakeTarget{arch: "x86_64"}, "/agent-amd64", "-m, place /agent-amd64, /agent-amd64"},
	} {
		answer, path, err := AskAgent(t.Context(), &tt.host, fakeAgents{"amd64", "arm64"}, tt.tried, tt.host.ask)
		calls := strings.Join(tt.host.calls, ", ")
		if err != nil || answer != "answer" || calls != tt.calls || !strings.HasSuffix(calls, path) {
			t.Errorf("%s: %q from %s, %v; calls %s", name, answer, path, err, calls)
		}
	}
}

func TestAskAgentInTrouble(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		host   fakeTarget
		agents fakeAgents
		words  string
	}{
		"no agents":             {fakeTarget{}, nil, "not built"},
		"none for this machine": {fakeTarget{arch: "aarch64"}, fakeAgents{"amd64"}, "not built"},
		"a machine of no kind":  {fakeTarget{arch: "riscv64"}, fakeAgents{"amd64"}, `"riscv64" is not supported`},
		"it cannot be placed":   {fakeTarget{arch: "x86_64", placeErr: errNotBuilt}, fakeAgents{"amd64"}, "place the node agent"},
	} {
		if _, _, err := AskAgent(t.Context(), &tt.host, tt.agents, "", tt.host.ask); err == nil || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	failing := func(string) (string, error) { return "", &UnreachableError{State: Lost} }
	h := fakeTarget{}
	if _, _, err := AskAgent(t.Context(), &h, fakeAgents{"amd64"}, "", failing); StateOf(err) != Lost || len(h.calls) > 0 {
		t.Errorf("an unreachable host: %v, calls %q", err, h.calls)
	}
}

// answer is a Reader that says the same to everything.
type answer struct {
	out string
	err error
}

func (a answer) Query(context.Context, Query) (Output, error) {
	return Output{Stdout: []byte(a.out)}, a.err
}

func TestAgentDocument(t *testing.T) {
	t.Parallel()
	lost := &UnreachableError{Address: "10.0.0.11:22", State: Lost}
	for name, tt := range map[string]struct {
		host   answer
		words  string
		broken bool
	}{
		"unreachable": {answer{err: fmt.Errorf("run env /agent: %w", lost)}, "10.0.0.11:22: connection lost", false},
		"with a hint": {answer{err: WithHint(lost, "look at it")}, "10.0.0.11:22: connection lost", false},
		"agent fails": {answer{err: &ExitError{Command: "env", Code: 2}}, "ask for facts: env: exit 2", true},
		"cancelled":   {answer{err: context.Canceled}, "ask for facts: context canceled", false},
		"no document": {answer{out: "#!/bin/sh"}, "read the facts: no whole document: ", true},
		"no output":   {answer{}, "read the facts: no whole document: ", true},
	} {
		var into struct{ A int }
		err := AgentDocument(t.Context(), tt.host, NodeFacts("/agent", nil), "facts", &into)
		if err == nil || !strings.HasPrefix(err.Error(), tt.words) || AgentMayBeBroken(err) != tt.broken {
			t.Errorf("%s: %v", name, err)
		}
	}
	var into struct{ A int }
	if err := AgentDocument(t.Context(), answer{out: `{"a":1}`}, Look("/agent", nil), "answers", &into); err != nil || into.A != 1 {
		t.Errorf("got %+v, %v", into, err)
	}
	if err := CheckAgentFormat("answers", 1, 1); err != nil {
		t.Error(err)
	}
	var hint interface{ Hint() string }
	if err := CheckAgentFormat("answers", 2, 1); !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "make build") {
		t.Errorf("got %v", err)
	}
}
