package fakecloudflare

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/k3sedge/k3sedge/testinfra/ca"
)

// bodyMax is how much of a request the edge takes on the free plan.
const bodyMax = 100 << 20

// faces are the certificates that are shown on port 443, by name.
type faces struct {
	ca    *ca.CA
	made  map[string]*tls.Certificate
	allow func(host string) (names []string)
}

// certificate chooses by what the client wants to talk to. Universal SSL
// covers a zone and one label below it; for the rest there is none.
func (f *faces) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := strings.ToLower(hello.ServerName)
	names := f.allow(host)
	if len(names) == 0 {
		return nil, fmt.Errorf("no certificate for %q", host)
	}
	if cert, ok := f.made[names[0]]; ok {
		return cert, nil
	}
	cert, err := f.ca.Pair(names...)
	if err != nil {
		return nil, err
	}
	f.made[names[0]] = &cert
	return &cert, nil
}

// namesFor are those of the certificate for a host, none if there is none.
func (s *Server) namesFor(host string) []string {
	if s.isAPI(host) {
		return []string{APIHost, "localhost", "127.0.0.1", "::1", s.opts.Address.String()}
	}
	z := s.zoneOf(host)
	if z == nil || z.Status != "active" {
		return nil
	}
	left := strings.TrimSuffix(strings.TrimSuffix(host, z.Name), ".")
	if strings.Contains(left, ".") {
		return nil
	}
	return []string{z.Name, "*." + z.Name}
}

// isAPI: who asks for no name, or for an address, wants the API.
func (s *Server) isAPI(host string) bool {
	return host == "" || host == APIHost || host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// serveWeb is port 443: the API and the edge.
func (s *Server) serveWeb(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r)
	if s.isAPI(host) {
		s.ServeHTTP(w, r)
		return
	}
	if r.TLS != nil && r.TLS.ServerName != host {
		problem(w, http.StatusMisdirectedRequest, 0)
		return
	}
	s.serveEdge(w, r, host)
}

func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return strings.ToLower(host)
}

// problem is one of Cloudflare's own pages, as a program sees it.
func problem(w http.ResponseWriter, status, code int) {
	w.Header().Set("Server", "cloudflare")
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	if code == 0 {
		code = status
	}
	_, _ = fmt.Fprintf(w, "error code: %d", code)
}

// serveEdge answers a request for a proxied name.
func (s *Server) serveEdge(w http.ResponseWriter, r *http.Request, host string) {
	if r.ContentLength > bodyMax {
		problem(w, http.StatusRequestEntityTooLarge, 0)
		return
	}
	s.mu.Lock()
	record := s.proxied(host)
	var t *Tunnel
	if record != nil {
		t = s.tunnelOf(record.Content)
	}
	l := s.pick(t)
	s.mu.Unlock()
	switch {
	case record == nil:
		problem(w, http.StatusConflict, 1001)
	case t == nil && record.Type == "CNAME" && strings.HasSuffix(record.Content, tunnelDomain), t != nil && l == nil:
		problem(w, 530, 1033)
	case t == nil:
		failure(notTaught("reaching the origin %s of %s", record.Content, host)).write(w)
	case r.Header.Get("Upgrade") != "":
		failure(notTaught("upgrading a connection to %s", r.Header.Get("Upgrade"))).write(w)
	default:
		forward(w, r, l)
	}
}

// proxied is the record that the edge answers for; the caller holds the mutex.
func (s *Server) proxied(host string) *Record {
	z := s.zoneOf(host)
	if z == nil {
		return nil
	}
	records, _ := s.at(z, host)
	for _, r := range records {
		if r.Proxied {
			return r
		}
	}
	return nil
}

const tunnelDomain = ".cfargotunnel.com"

// tunnelOf is the tunnel that a name leads to, if it is there.
func (s *Server) tunnelOf(target string) *Tunnel {
	id, ok := strings.CutSuffix(target, tunnelDomain)
	t := s.tunnelByID(id)
	if !ok || t == nil || t.Deleted != nil {
		return nil
	}
	return t
}

// pick takes the lines of a tunnel in turn.
func (s *Server) pick(t *Tunnel) *line {
	if t == nil || len(s.lines[t.ID]) == 0 {
		return nil
	}
	lines := s.lines[t.ID]
	s.lines[t.ID] = append(lines[1:len(lines):len(lines)], lines[0])
	return lines[0]
}

// forward sends a request to a connector, with what Cloudflare adds to it.
func forward(w http.ResponseWriter, r *http.Request, l *line) {
	proxy := httputil.ReverseProxy{
		Transport: l, FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "http", r.Host, r.Host // inside a connection with TLS
			client, _, _ := net.SplitHostPort(r.RemoteAddr)
			p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
			p.SetXForwarded() // which adds the client
			p.Out.Header.Del("X-Forwarded-Host")
			p.Out.Header.Set("X-Forwarded-Proto", "https")
			p.Out.Header.Set("Cf-Connecting-Ip", client)
			p.Out.Header.Set("Cf-Visitor", `{"scheme":"https"}`)
			p.Out.Header.Set("Cf-Ipcountry", "XX")
			p.Out.Header.Set("Cf-Ray", newID()[:16]+"-LAB")
			p.Out.Header.Add("Cdn-Loop", "cloudflare; loops=1")
		},
		ModifyResponse: func(res *http.Response) error {
			res.Header.Set("Server", "cloudflare")
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { problem(w, http.StatusBadGateway, 0) },
	}
	proxy.ServeHTTP(w, r)
}

var errGone = errors.New("the connection to the connector is gone")

// RoundTrip sends a request over the connection.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.client == nil {
		return nil, errGone
	}
	return l.client.RoundTrip(r)
}
