package fakecloudflare

import (
	"net/http"
	"slices"
	"time"
)

// Call is one request of the log.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"` // below /client/v4
	Query  string    `json:"query,omitempty"`
	Status int       `json:"status"` // 0: the connection was reset
	Token  string    `json:"token,omitempty"`
	Fault  Kind      `json:"fault,omitempty"`
}

// Writes reports whether the request could change something.
func (c Call) Writes() bool { return c.Method != http.MethodGet }

// String is method and path, as tests compare them.
func (c Call) String() string { return c.Method + " " + c.Path }

// Calls is the log of requests to the API since the start or the last
// ForgetCalls.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ForgetCalls empties the log of requests, and with it what the tokens have
// used up.
func (s *Server) ForgetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
	clear(s.spent)
}

func (s *Server) record(c *call, status int) {
	entry := Call{Time: time.Now(), Method: c.request.Method, Path: c.path, Query: c.request.URL.RawQuery, Status: status}
	if c.fault != nil {
		entry.Fault = c.fault.Kind
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.who != nil {
		entry.Token = c.who.ID
	}
	s.calls = append(s.calls, entry)
}
