package fakecloudflare

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// budget is what a token has used up of its requests.
type budget struct {
	since time.Time
	used  int
}

// authenticate finds the token of a request. The caller holds the mutex.
func (c *call) authenticate(open bool) error {
	header := c.request.Header.Get("Authorization")
	if open {
		return nil
	}
	if header == "" {
		return refuse(http.StatusBadRequest, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
	}
	value, bearer := strings.CutPrefix(header, "Bearer ")
	if !bearer || !tokenShape.MatchString(value) {
		return refuse(http.StatusBadRequest, 6003, "Invalid request headers").because(6111, "Invalid format for Authorization header")
	}
	i := slices.IndexFunc(c.srv.tokens, func(t Token) bool { return t.Value == value })
	if i < 0 {
		return c.unknownToken()
	}
	token := c.srv.tokens[i]
	c.who = &token
	if err := c.srv.spend(c.who.ID); err != nil {
		return err
	}
	if c.who.Status != "active" && !c.verifies() {
		return c.unknownToken()
	}
	return nil
}

func (c *call) verifies() bool { return strings.HasSuffix(c.path, "/tokens/verify") }

// unknownToken is said in three ways, which depend on who of Cloudflare's
// services was asked.
func (c *call) unknownToken() error {
	switch {
	case c.verifies():
		return refuse(http.StatusUnauthorized, 1000, "Invalid API Token")
	case strings.HasPrefix(c.path, "/zones"):
		return refuse(http.StatusForbidden, 9109, "Invalid access token")
	}
	return denied()
}

// denied is what a token hears that lacks a permission. Cloudflare does not
// say which one.
func denied() *apiError { return refuse(http.StatusForbidden, 10000, "Authentication error") }

// spend counts a request against the limit.
func (s *Server) spend(token string) error {
	b := s.spent[token]
	if time.Since(b.since) > s.opts.Window {
		b = budget{since: time.Now()}
	}
	b.used++
	s.spent[token] = b
	if b.used <= s.opts.Limit {
		return nil
	}
	return throttled(s.opts.Window - time.Since(b.since))
}

func throttled(wait time.Duration) *apiError {
	e := refuse(http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed")
	seconds := int(wait.Round(time.Second) / time.Second)
	e.header = http.Header{"Retry-After": {strconv.Itoa(max(seconds, 0))}}
	return e
}

// may says whether the token has a permission on a zone or account.
func (t *Token) may(p Permission, on ...string) bool {
	return slices.ContainsFunc(t.Grants, func(g Grant) bool {
		return (g.On == "*" || slices.Contains(on, g.On)) && g.Permission.includes(p)
	})
}

// includes: who may edit may read.
func (p Permission) includes(wanted Permission) bool {
	subject, _ := strings.CutSuffix(string(p), ":Edit")
	return p == wanted || wanted == Permission(subject+":Read")
}

// verifyToken tells a token about itself.
func (c *call) verifyToken() (any, error) {
	result := map[string]string{"id": c.who.ID, "status": c.who.Status}
	if c.who.Status != "active" {
		return result, nil
	}
	return said{result, note{Code: 10000, Message: "This API Token is valid and active"}}, nil
}

// SetToken adds a token or replaces the one of the same value.
func (s *Server) SetToken(t Token) error {
	if err := t.complete(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(slices.DeleteFunc(s.tokens, func(o Token) bool { return o.Value == t.Value }), t)
	return nil
}
