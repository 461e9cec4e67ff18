package fakepve

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// words is a message of Proxmox VE, which has its own rules for capitals and
// full stops.
type words string

// Error is the message as it is.
func (w words) Error() string { return string(w) }

// authenticate names the token of a request. The texts are those of version 8;
// later releases of version 9 say "Authentication failed!" for all of them.
func (s *Server) authenticate(r *http.Request) (string, error) {
	value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "PVEAPIToken")
	if !ok {
		return "", words("No ticket")
	}
	id, secret, ok := strings.Cut(strings.TrimLeft(value, "= "), "=")
	if !ok {
		return "", s.refuse("no tokenid specified")
	}
	if _, name, ok := strings.Cut(id, "!"); !ok || name == "" {
		return "", s.refuse("'" + id + "' is not a valid token id")
	}
	for _, t := range s.opts.Access.Tokens {
		if t.ID != id {
			continue
		}
		if subtle.ConstantTimeCompare([]byte(t.Secret), []byte(secret)) != 1 {
			return "", s.refuse("invalid token value!")
		}
		return id, nil
	}
	user, name, _ := strings.Cut(id, "!")
	return "", s.refuse("no such token '" + name + "' for user '" + user + "'")
}

func (s *Server) refuse(why string) error {
	if s.opts.Major >= 9 {
		return words("Authentication failed!")
	}
	return words(why)
}

// permissions are the effective ones of a token or user.
func (s *Server) permissions(who, path string) map[string]bool { return s.acl().permissions(who, path) }

func (s *Server) acl() acl {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := acl{access: s.opts.Access, all: privileges(s.opts.Major), pools: map[string][]int{}, withdrawn: s.withdrawn()}
	for id, v := range s.state.VMs {
		if v.Pool != "" {
			a.pools[v.Pool] = append(a.pools[v.Pool], id)
		}
	}
	return a
}

// rootOnly refuses a parameter to everyone but root@pam itself, and so to
// every token.
func (c *call) rootOnly(names ...string) error {
	for _, n := range names {
		if c.args.has(n) && c.args.get(n) != "0" && c.who != root {
			return invalid(n, "Only root may use this option.")
		}
	}
	return nil
}
