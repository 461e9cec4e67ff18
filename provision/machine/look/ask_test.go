package look

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// target is a host with an agent that answers one document.
type target struct {
	answer string
	err    error
	placed bool
	asked  []string
	stdin  []byte
}

func (h *target) Query(_ context.Context, q machine.Query) (machine.Output, error) {
	c := q.Command()
	h.asked = append(h.asked, strings.Join(c.Argv, " "))
	switch {
	case c.Argv[0] == "uname":
		return machine.Output{Stdout: []byte("x86_64\n")}, nil
	case h.err != nil:
		return machine.Output{}, h.err
	case !h.placed:
		return machine.Output{}, &machine.ExitError{Code: 127}
	}
	h.stdin = c.Stdin
	return machine.Output{Stdout: []byte(h.answer)}, nil
}

func (h *target) Place(context.Context, machine.Agent) error {
	h.asked = append(h.asked, "place")
	h.placed = true
	return nil
}

// agents are those of a program that has them.
type agents struct{}

func (agents) Path(arch string) (string, error) { return "/agent-" + arch, nil }

func (agents) For(arch string) (machine.Agent, error) {
	return machine.Agent{Path: "/agent-" + arch}, nil
}

func TestAsk(t *testing.T) {
	t.Parallel()
	h := &target{answer: `{"version":1,"arch":"amd64","files":{"/a":{"absent":true}},"dials":[{"outcome":"refused"}],"failed":{"units":"no bus","ports":"no /proc"}}`}
	r := Request{Files: []FileQuery{{Path: "/a"}}, Units: []string{"k3s.service"}, Dials: []Dial{{Address: "10.0.0.1:1", Millis: 1}}, Ports: true}
	for range 2 {
		a, err := Remote{h, agents{}}.Look(t.Context(), r)
		if err != nil || !a.Files["/a"].Absent || a.Dials[0].Outcome != Refused || a.Failed["units"] == "" {
			t.Errorf("got %+v, %v", a, err)
		}
	}
	const look = "/usr/bin/env /agent-amd64 look"
	if want := []string{look, "uname -m", "place", look, look}; !slices.Equal(h.asked, want) {
		t.Errorf("asked %q, want %q", h.asked, want)
	}
	var sent Request
	if err := json.Unmarshal(h.stdin, &sent); err != nil || len(sent.Files) != 1 || !sent.Ports {
		t.Errorf("sent %s, %v", h.stdin, err)
	}
}

func TestWhatIsLeftOutIsNotAbsent(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Request{
		"files":      {Files: []FileQuery{{Path: "/a"}}},
		"units":      {Units: []string{"a.service"}},
		"journals":   {Journals: []string{"a.service"}},
		"spaces":     {Spaces: []string{"/"}},
		"dials":      {Dials: []Dial{{Address: "10.0.0.1:1", Millis: 1}}},
		"ports":      {Ports: true},
		"interfaces": {Interfaces: true},
	} {
		h := &target{placed: true, answer: `{"version":1}`}
		if _, err := Ask(t.Context(), h, agents{}, r); !errors.Is(err, errPartial) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALookThatFails(t *testing.T) {
	t.Parallel()
	gone := &machine.UnreachableError{Address: "10.0.0.11", State: machine.Lost}
	for name, tt := range map[string]struct {
		host  target
		r     Request
		words string
	}{
		"unreachable":    {target{err: gone}, Request{}, "10.0.0.11: connection lost"},
		"agent fails":    {target{err: &machine.ExitError{Command: "env", Code: 1}}, Request{}, "ask for answers: env: exit 1"},
		"no document":    {target{placed: true, answer: "hello"}, Request{}, "read the answers"},
		"another format": {target{placed: true, answer: `{"version":2}`}, Request{}, "format 2, wanted 1"},
		"a bad request":  {target{placed: true}, Request{Units: []string{"*"}}, "bad request"},
	} {
		a, err := Ask(t.Context(), &tt.host, agents{}, tt.r)
		if err == nil || !strings.Contains(err.Error(), tt.words) || a.Version != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
