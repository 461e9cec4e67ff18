package fakepve

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Call is one request of the log.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"` // below /api2/json, without the query
	Status int       `json:"status"`
	Who    string    `json:"who,omitempty"`
	UPID   string    `json:"upid,omitempty"`
	Fault  Kind      `json:"fault,omitempty"`
	// Params are the names of the parameters; values may be secret.
	Params []string `json:"params,omitempty"`
}

// Writes reports whether the request could change something.
func (c Call) Writes() bool { return c.Method != http.MethodGet }

// Calls is the log of requests since the start or the last ForgetCalls.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ForgetCalls empties the log of requests.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *Server) record(r *http.Request, path string, c *call, status int) {
	entry := Call{Time: time.Now(), Method: r.Method, Path: path, Status: status}
	if c != nil {
		entry.Who, entry.UPID = c.who, c.upid
		for name := range c.args {
			entry.Params = append(entry.Params, name)
		}
		slices.Sort(entry.Params)
		if c.fault != nil {
			entry.Fault = c.fault.Kind
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, entry)
}

// serveLab answers /lab/faults (GET lists, POST adds one rule or a list of
// them, DELETE clears) and /lab/calls (GET lists, DELETE forgets).
func (s *Server) serveLab(w http.ResponseWriter, r *http.Request) {
	token := s.opts.LabToken
	if token == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Lab-Token")), []byte(token)) != 1 {
		bare(http.StatusForbidden, "wrong or missing X-Lab-Token").write(w, r)
		return
	}
	var data any
	var err error
	switch r.Method + " " + r.URL.Path {
	case "GET /lab/faults":
		data = s.Faults()
	case "POST /lab/faults":
		err = s.postFaults(r)
	case "DELETE /lab/faults":
		s.ClearFaults()
	case "GET /lab/calls":
		data = s.Calls()
	case "DELETE /lab/calls":
		s.ForgetCalls()
	default:
		err = notTaught("%s %s", r.Method, r.URL.Path)
	}
	if err != nil {
		failure(err).write(w, r)
		return
	}
	success(data).write(w, r)
}

func (s *Server) postFaults(r *http.Request) error {
	var raw json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
		return &apiError{status: http.StatusBadRequest, message: err.Error()}
	}
	var rules []Fault
	if json.Unmarshal(raw, &rules) != nil {
		rules = make([]Fault, 1)
		if err := json.Unmarshal(raw, &rules[0]); err != nil {
			return &apiError{status: http.StatusBadRequest, message: err.Error()}
		}
	}
	if err := s.Fault(rules...); err != nil {
		return &apiError{status: http.StatusBadRequest, message: err.Error()}
	}
	return nil
}
