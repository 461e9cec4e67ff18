package k3s

import (
	"context"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// TroubleError is a node on which K3s does not come up, with the likely cause.
type TroubleError struct {
	Node  string
	Cause string // "" where nothing that was seen explains it
	Seen  []string
	Err   error // what was waited for
}

// Error gives the cause, and below it what was seen on the node.
func (e *TroubleError) Error() string {
	text := e.Err.Error()
	if e.Cause != "" {
		text = e.Cause + " (" + text + ")"
	}
	return strings.Join(append([]string{text}, e.Seen...), "\n    ")
}

// Unwrap returns what was waited for.
func (e *TroubleError) Unwrap() error { return e.Err }

// evidence is what one look at a node in trouble found.
type evidence struct {
	node, unit string
	now        *seen
	server     string           // the first server's name, for other nodes
	dropped    []string         // what the first server's firewall has dropped
	dial       *look.DialAnswer // of the first server's API, for other nodes
	ports      []uint16         // that K3s and Traefik need
}

const (
	fullBelow  = 100 * mebibyte
	dialMillis = 2000
	lastLines  = 5
)

// gather looks at everything that may tell why K3s does not come up.
func (v *view) gather(ctx context.Context) (evidence, error) {
	e := evidence{node: v.node.Name, unit: unitOf(v.node.Role), ports: v.ports()}
	r := look.Request{
		Units: []string{e.unit}, Journals: []string{e.unit}, Spaces: []string{dataDir}, Ports: true, Counters: true,
	}
	if v != v.first {
		e.server = v.first.node.Name
		r.Dials = []look.Dial{{Address: hostPort(v.first.node.Address, portAPI), Millis: dialMillis}}
	}
	var err error
	if e.now, err = v.ask(ctx, r); err != nil {
		return e, err
	}
	if len(e.now.Dials) == 1 {
		e.dial = &e.now.Dials[0]
		if e.dial.Outcome != look.Answered {
			e.dropped = v.first.drops(ctx)
		}
	}
	return e, nil
}

// drops are the firewall's counters that have counted. They only decorate
// another message, so that their own failure is a line of it.
func (v *view) drops(ctx context.Context) []string {
	counters, err := v.counters(ctx)
	if err != nil {
		return []string{fmt.Sprintf("firewall of %s: %v", v.node.Name, err)}
	}
	return dropped(v.node.Name, nil, counters)
}

// dropped tells by how much counters have grown.
func dropped(node string, before, after []look.Counter) []string {
	was := map[string]uint64{}
	for _, c := range before {
		was[c.Chain+"\x00"+c.Rule] = c.Packets
	}
	var out []string
	for _, c := range after {
		if n := c.Packets - min(c.Packets, was[c.Chain+"\x00"+c.Rule]); n > 0 {
			out = append(out, fmt.Sprintf("firewall of %s: %d packets dropped by %s: %s", node, n, c.Chain, c.Rule))
		}
	}
	return out
}

// judge names the likely cause.
func (e evidence) judge() cause {
	if room, ok := e.now.Spaces[dataDir]; ok && room.Err == "" && room.Free < fullBelow {
		return named("the disk is full")
	}
	if e.now.skew.Abs() > maxSkew {
		return cause{
			what: fmt.Sprintf("the clock of %s is %s of this machine's", e.node, off(e.now.skew)),
			hint: clockHint,
		}
	}
	if c, _ := journalCause(e.now.Journals[e.unit].Lines); c.what != "" {
		return c
	}
	if c := e.unreachable(); c.what != "" {
		return c
	}
	if u := e.now.Units[e.unit]; u.Active == "failed" || u.Restarts > 1 {
		return cause{
			what: fmt.Sprintf("K3s ends by itself (%s, exit code %d, started %d times)", orNone(u.Result), u.Exit, u.Restarts+1),
			hint: fmt.Sprintf("`sudo journalctl -u %s` on %s has the whole story", e.unit, e.node),
		}
	}
	return cause{}
}

// unreachable is an API that the node cannot reach.
func (e evidence) unreachable() cause {
	if e.dial == nil {
		return cause{}
	}
	switch e.dial.Outcome {
	case look.TimedOut, look.Unreachable:
		return cause{
			what: fmt.Sprintf("%s does not reach %s on 6443/tcp: the packets are dropped", e.node, e.server),
			hint: fmt.Sprintf("`k3sedge harden` opens 6443/tcp between the nodes; then look for a firewall between %s and %s, such as that of Proxmox", e.node, e.server),
		}
	case look.Refused:
		return cause{
			what: fmt.Sprintf("nothing listens on 6443/tcp of %s", e.server),
			hint: fmt.Sprintf("see `sudo systemctl status %s` on %s", serverUnit, e.server),
		}
	}
	return cause{}
}

// named returns the cause of the table with these words.
func named(what string) cause {
	for _, c := range causes() {
		if c.what == what {
			return c
		}
	}
	return cause{what: what}
}

// listeners tells who has the ports that K3s and Traefik need.
func (e evidence) listeners() string {
	if why := e.now.Failed["ports"]; why != "" {
		return "listeners: " + why
	}
	var out []string
	for _, port := range e.ports {
		who := "nobody"
		for _, p := range e.now.Ports {
			if p.Proto == "tcp" && p.Port == port {
				who = processName(p.Process)
			}
		}
		out = append(out, fmt.Sprintf("at %d: %s", port, who))
	}
	return "listens " + strings.Join(out, "; ")
}

// seen are the lines that go with the error, without any token.
func (e evidence) seen(redact func(string) string) []string {
	u := e.now.Units[e.unit]
	out := []string{fmt.Sprintf("%s: %s (%s), exit code %d, restarted %d times", e.unit, orNone(u.Active), orNone(u.Sub), u.Exit, u.Restarts)}
	if room, ok := e.now.Spaces[dataDir]; ok && room.Err == "" {
		out = append(out, fmt.Sprintf("free at %s: %d MiB; clock: %s", dataDir, room.Free/mebibyte, off(e.now.skew)))
	}
	if e.dial != nil {
		out = append(out, fmt.Sprintf("6443/tcp of %s: %s %s", e.server, e.dial.Outcome, e.dial.Err))
	}
	out = append(append(out, e.listeners()), e.dropped...)
	out = append(out, dropped(e.node, nil, e.now.Counters)...)
	journal := e.now.Journals[e.unit]
	if journal.Err != "" {
		return append(out, "journal: "+journal.Err)
	}
	if _, line := journalCause(journal.Lines); line != "" {
		out = append(out, "journal: "+redact(line))
	}
	for _, line := range journal.Lines[max(0, len(journal.Lines)-lastLines):] {
		out = append(out, redact(line))
	}
	return out
}
