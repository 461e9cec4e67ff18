package addons

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// Severity is how much a ProbeResult matters.
type Severity string

// The severities.
const (
	Fine    Severity = "fine"
	Note    Severity = "note"    // as it is to be, and worth to be known
	Warning Severity = "warning" // it works, maybe otherwise than expected
	Fault   Severity = "fault"   // requests by this node would fail
	Unknown Severity = "unknown" // the node could not be asked
)

// ProbeResult is what came of asking one server from one node.
type ProbeResult struct {
	Node, Server string
	Severity     Severity
	Text         string // what was found
	Hint         string // how to mend it; empty where nothing has to be
	// Answer is the whole of it; Err is why a node could not be asked.
	Answer look.DialAnswer
	Err    error
}

// ErrNoNode is a probe that no node could make.
var ErrNoNode = errors.New("no node could be asked")

var errShort = errors.New("it did not say something of each server")

const statusHint = "k3sedge status says which node is down"

// probeTime is more than a server in the LAN takes, and less than a person waits.
const probeTime = 5 * time.Second

// Probe asks each server of the service from each node, since that is where
// Traefik will connect from: what the operator's own machine reaches says
// nothing. Results are in the order of nodes and servers. What is true of the
// server whoever asks is told once.
func Probe(ctx context.Context, nodes map[string]look.Looker, s inventory.Service) ([]ProbeResult, error) {
	request, err := probeRequest(s)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	names := slices.Sorted(maps.Keys(nodes))
	answers, errs := make([]look.Answer, len(names)), make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			answers[i], errs[i] = nodes[name].Look(ctx, request)
			if errs[i] == nil && len(answers[i].Dials) != len(s.To) {
				errs[i] = errShort
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var out []ProbeResult
	asked, told := false, map[string]bool{}
	for i, name := range names {
		if errs[i] != nil {
			out = append(out, ProbeResult{Node: name, Server: strings.Join(s.To, ", "), Severity: Unknown,
				Text: fmt.Sprintf("the node could not be asked: %v", errs[i]), Hint: statusHint, Err: errs[i]})
			continue
		}
		asked = true
		for j, server := range s.To {
			out = append(out, verdicts(s, ProbeResult{Node: name, Server: server, Answer: answers[i].Dials[j]}, told)...)
		}
	}
	if !asked {
		return out, machine.WithHint(errors.Join(append([]error{ErrNoNode}, errs...)...), statusHint)
	}
	return out, nil
}

func probeRequest(s inventory.Service) (look.Request, error) {
	ca, err := authority(s)
	if err != nil {
		return look.Request{}, err
	}
	var r look.Request
	if s.Passthrough {
		r.Dials = PassthroughDials(s)
		return r, nil
	}
	for _, server := range s.To {
		d := look.Dial{Address: server, HTTP: true, Host: s.SomeHost(), Path: "/", Millis: int(probeTime.Milliseconds())}
		if s.Scheme == inventory.SchemeHTTPS {
			d.TLS, d.ServerName, d.CA = true, serverName(s), ca
		}
		r.Dials = append(r.Dials, d)
	}
	return r, nil
}

// verdicts judge one answer. The first is about the way from this node; more
// follow about the server itself, unless they were told already.
func verdicts(s inventory.Service, r ProbeResult, told map[string]bool) []ProbeResult {
	if s.Passthrough {
		r.Severity, r.Text, r.Hint = judgeHandshake(r)
	}
	if r.Text == "" {
		r.Severity, r.Text, r.Hint = judgeOutcome(s, r)
	}
	out := []ProbeResult{r}
	for _, n := range notes(s, r) {
		if key := r.Server + " " + n.text; !told[key] {
			told[key] = true
			out = append(out, ProbeResult{Node: r.Node, Server: r.Server, Severity: n.severity, Text: n.text, Hint: n.hint, Answer: r.Answer})
		}
	}
	return out
}
