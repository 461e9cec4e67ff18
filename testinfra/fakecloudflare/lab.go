package fakecloudflare

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

// TunnelState is what a lab tells of a tunnel.
type TunnelState struct {
	Tunnel
	Status      string          `json:"status"`
	Connections int             `json:"connections"`
	Rules       *ingress.Config `json:"rules,omitempty"`
	Secret      string          `json:"secret,omitempty"` // hides that of the tunnel
	Config      string          `json:"config,omitempty"` // stands in Rules
}

// Lab sets switches and tells what is there:
//
//	GET, POST, DELETE /faults    the rules; POST takes one Fault or a list
//	GET, DELETE /calls           the log of requests
//	GET, POST /records           records; POST makes one as somebody else
//	DELETE /records/ID           deletes one by hand
//	GET /tunnels                 the tunnels, their status and rules
//	PUT /tunnels/ID              writes its configuration as somebody else
//	DELETE /tunnels/ID           deletes it by hand
//	PUT /tokens                  adds a Token or replaces the one of that value
//	PUT /zones                   sets a Zone's status and settings
//	GET /certificates            what the Origin CA has signed
//
// A refusal is 422 with {"message": …}.
func (s *Server) Lab() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			result, err := do(r)
			labAnswer(w, result, err)
		})
	}
	on("GET /faults", func(*http.Request) (any, error) { return s.Faults(), nil })
	on("POST /faults", func(r *http.Request) (any, error) {
		rules, err := oneOrMore[Fault](r.Body)
		if err != nil {
			return nil, err
		}
		return nil, s.Fault(rules...)
	})
	on("DELETE /faults", func(*http.Request) (any, error) { s.ClearFaults(); return nil, nil })
	on("GET /calls", func(*http.Request) (any, error) { return s.Calls(), nil })
	on("DELETE /calls", func(*http.Request) (any, error) { s.ForgetCalls(); return nil, nil })
	on("GET /records", func(*http.Request) (any, error) { return s.Records(""), nil })
	on("POST /records", with(func(rec Record) error { _, err := s.AddRecord(rec); return err }))
	on("DELETE /records/{id}", func(r *http.Request) (any, error) { return nil, s.RemoveRecord(r.PathValue("id")) })
	on("GET /tunnels", func(*http.Request) (any, error) { return s.tunnelStates() })
	on("PUT /tunnels/{id}", func(r *http.Request) (any, error) {
		return with(func(c ingress.Config) error { return s.Configure(r.PathValue("id"), c) })(r)
	})
	on("DELETE /tunnels/{id}", func(r *http.Request) (any, error) { return nil, s.DeleteTunnel(r.PathValue("id")) })
	on("PUT /tokens", with(s.SetToken))
	on("PUT /zones", with(func(z Zone) error { return s.SetZone(z.Name, z.Status, z.Settings) }))
	on("GET /certificates", func(*http.Request) (any, error) { return s.Certificates(), nil })
	return mux
}

// with decodes the body for what works on it.
func with[T any](do func(T) error) func(r *http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var body T
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&body); err != nil {
			return nil, err
		}
		return nil, do(body)
	}
}

// oneOrMore reads a value or a list of them.
func oneOrMore[T any](from io.Reader) ([]T, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(io.LimitReader(from, 1<<20)).Decode(&raw); err != nil {
		return nil, err
	}
	var many []T
	if json.Unmarshal(raw, &many) == nil {
		return many, nil
	}
	many = make([]T, 1)
	return many, json.Unmarshal(raw, &many[0])
}

func labAnswer(w http.ResponseWriter, result any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		result = map[string]string{"message": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(result) // the caller has gone away then
}

func (s *Server) tunnelStates() ([]TunnelState, error) {
	out := []TunnelState{}
	for _, t := range s.Tunnels() {
		rules, _, err := s.Configuration(t.ID)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		out = append(out, TunnelState{Tunnel: t, Status: s.status(&t), Connections: len(s.lines[t.ID]), Rules: rules})
		s.mu.Unlock()
	}
	return out, nil
}
