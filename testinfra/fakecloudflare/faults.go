package fakecloudflare

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"

	"github.com/k3sedge/k3sedge/testinfra/fault"
)

// Kind is what goes wrong.
type Kind string

// The faults that a rule can bring.
const (
	// Slow only waits.
	Slow Kind = "slow"
	// TooMany answers 429 with code 971 and Retry-After, without the effect.
	TooMany Kind = "429"
	// Broken answers Status (default 502) with a page of HTML, as Cloudflare's own
	// edge does, without the effect.
	Broken Kind = "5xx"
	// Refused answers Status (default 400), Code and Message, without the effect.
	Refused Kind = "refused"
	// Reset resets the connection without the effect, ResetAfter with it.
	Reset      Kind = "reset"
	ResetAfter Kind = "reset-after"
	// Half sends half of the answer, after the effect, and closes.
	Half Kind = "half"
	// ConfigMoves lets somebody else write the tunnel's configuration just after
	// the request, with one more rule for Host in front.
	ConfigMoves Kind = "config-moves"
	// TunnelGone deletes the tunnel of the request by hand just before it.
	TunnelGone Kind = "tunnel-gone"
	// ForeignRecord makes a record of Type (default A) for the name that the
	// request is about to write, just before it; a Host, if set, is the name.
	ForeignRecord Kind = "foreign-record"
	// NotPublished keeps the name server from telling TXT records whose name
	// matches Path. It stands until it is cleared.
	NotPublished Kind = "not-published"
	// NoAnswer makes the name server say SERVFAIL for names that match Path.
	NoAnswer Kind = "servfail"
	// EdgeDown refuses all connectors and cuts those that are there, while it stands.
	EdgeDown Kind = "edge-down"
)

func kinds() []Kind {
	return []Kind{Slow, TooMany, Broken, Refused, Reset, ResetAfter, Half, ConfigMoves, TunnelGone, ForeignRecord, NotPublished, NoAnswer, EdgeDown}
}

// stands: the rule is a state of things, not something that befalls a request.
func (k Kind) stands() bool { return k == NotPublished || k == NoAnswer || k == EdgeDown }

// Fault is a rule: requests that match it go wrong.
type Fault struct {
	// Method and Path (a regular expression on what follows /client/v4) choose the
	// requests; an empty one matches all.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	Kind   Kind   `json:"kind"`
	// After lets that many matching requests pass first; Count limits how many go
	// wrong then, 0 meaning all.
	After int `json:"after,omitempty"`
	Count int `json:"count,omitempty"`
	// Delay is waited before a request of any kind of fault is looked at, for
	// example "2s".
	Delay string `json:"delay,omitempty"`
	// Status, Code and Message are those of Broken and Refused.
	Status  int    `json:"status,omitempty"`
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	// RetryAfter is what TooMany says, in seconds.
	RetryAfter int `json:"retryAfter,omitempty"`
	// Host is that of ConfigMoves and ForeignRecord, Type and Content are those of
	// the latter (default A, 192.0.2.66).
	Host    string `json:"host,omitempty"`
	Type    string `json:"type,omitempty"`
	Content string `json:"content,omitempty"`

	match *fault.Match
	delay time.Duration
}

// Fault adds rules. The first that matches a request is used.
func (s *Server) Fault(rules ...Fault) error {
	for _, f := range rules {
		if err := f.prepare(); err != nil {
			return err
		}
		s.mu.Lock()
		s.faults = append(s.faults, &f)
		if f.Kind == EdgeDown {
			for _, t := range s.state.Tunnels {
				s.disconnect(t)
			}
		}
		s.mu.Unlock()
	}
	return nil
}

func (f *Fault) prepare() (err error) {
	if !slices.Contains(kinds(), f.Kind) {
		return fmt.Errorf("add fault: kind %q is not known, only %v", f.Kind, kinds())
	}
	if f.Delay != "" {
		if f.delay, err = time.ParseDuration(f.Delay); err != nil {
			return fmt.Errorf("add fault: %w", err)
		}
	}
	f.match, err = fault.Rule{Method: f.Method, Path: f.Path, After: f.After, Count: f.Count}.Compile()
	return err
}

// Faults lists the rules.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Fault{}
	for _, f := range s.faults {
		out = append(out, *f)
	}
	return out
}

// ClearFaults removes all rules.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// faultFor counts a request against the rules and copies the one that applies.
func (s *Server) faultFor(method, path string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !f.Kind.stands() && f.match.Hit(method, path) {
			hit := *f
			return &hit
		}
	}
	return nil
}

// standing says whether a state of things holds for a name; the caller holds
// the mutex.
func (s *Server) standing(k Kind, name string) bool {
	return slices.ContainsFunc(s.faults, func(f *Fault) bool { return f.Kind == k && f.match.On(name) })
}

func (f *Fault) is(k Kind) bool { return f != nil && f.Kind == k }

func (f *Fault) wait(ctx context.Context) error {
	if f == nil || f.delay == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.delay):
		return nil
	}
}

// instead is the answer that a fault gives without the effect, if it does.
func (f *Fault) instead() answer {
	switch {
	case f.is(TooMany):
		return failure(throttled(time.Duration(f.RetryAfter) * time.Second))
	case f.is(Refused):
		return failure(refuse(cmp.Or(f.Status, http.StatusBadRequest), cmp.Or(f.Code, 1000), "%s", cmp.Or(f.Message, "fault injected")))
	case f.is(Broken):
		status := cmp.Or(f.Status, http.StatusBadGateway)
		text := fmt.Sprintf("<html><head><title>%d %s</title></head><body>%s</body></html>", status, http.StatusText(status), f.Message)
		return answer{status: status, header: http.Header{"Content-Type": {"text/html"}}, body: []byte(text)}
	}
	return answer{}
}

// send sends the answer, or what the fault leaves of it.
func (f *Fault) send(w http.ResponseWriter, r *http.Request, a answer) {
	switch {
	case f.is(Reset) || f.is(ResetAfter):
		reset(w, r)
	case f.is(Half):
		a.half(w, r)
	default:
		a.write(w)
	}
}

// meddle lets somebody else come first; the caller holds the mutex.
func (f *Fault) meddle(c *call) {
	s := c.srv
	switch {
	case f.is(TunnelGone):
		if t := s.tunnelByID(c.vars["tunnel"]); t != nil {
			s.removeTunnel(t)
		}
	case f.is(ForeignRecord):
		f.foreignRecord(c)
	}
}

func (f *Fault) foreignRecord(c *call) {
	z, err := c.zone(DNSRead)
	if err != nil {
		return
	}
	var body struct{ Name string }
	_ = json.Unmarshal(c.body, &body) // a read has none, and a PATCH no name
	r := Record{ID: newID(), Zone: z.Name, Name: fullName(cmp.Or(f.Host, body.Name), z.Name), Type: cmp.Or(f.Type, "A"),
		Content: cmp.Or(f.Content, "192.0.2.66"), TTL: 1, Created: now(), Modified: now()}
	_ = c.srv.put(r, z) // one that cannot stand there is none
}

// meddleAfter lets somebody else come just after; the caller holds the mutex.
func (f *Fault) meddleAfter(c *call) {
	if !f.is(ConfigMoves) {
		return
	}
	if t := c.srv.tunnelByID(c.vars["tunnel"]); t != nil {
		_ = c.srv.meddleWith(t, ingress.Rule{Hostname: cmp.Or(f.Host, "foreign."+TestZone), Service: "http://192.0.2.66:80"})
	}
}
