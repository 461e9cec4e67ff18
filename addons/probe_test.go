package addons

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// node answers every dial in the same way, and keeps what it was asked.
type node struct {
	answer look.DialAnswer
	err    error
	asked  look.Request
}

func (n *node) Look(_ context.Context, r look.Request) (look.Answer, error) {
	n.asked = r
	var a look.Answer
	for range r.Dials {
		a.Dials = append(a.Dials, n.answer)
	}
	return a, n.err
}

func https(s *inventory.Service) { s.Scheme = inventory.SchemeHTTPS }

func insecure(s *inventory.Service) { s.TLS = &inventory.BackendTLS{Insecure: true} }

func headed(key, value string) look.DialAnswer {
	return look.DialAnswer{Outcome: look.Answered, Status: 302, Header: map[string]string{key: value}}
}

func TestAWrongAuthorityIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	s := testService(https)
	s.TLS = &inventory.BackendTLS{CA: "file:ca.pem"}
	got := certificateHint(s, look.DialAnswer{Cert: &look.Cert{Names: []string{"a.lan", "b.lan"}, Issuer: "CN=home", NotAfter: "2027"}})
	if want := "it is for a.lan, b.lan, by CN=home, until 2027; is --ca (tls.ca) the authority"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
}

func TestProbeVerdicts(t *testing.T) {
	t.Parallel()
	soon := &look.Cert{Names: []string{"pve.lan"}, Issuer: "CN=home", NotAfter: time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	for name, tc := range map[string]struct {
		service  inventory.Service
		answer   look.DialAnswer
		severity Severity
		text     string // in any result
		hint     string
	}{
		"answers":           {testService(), look.DialAnswer{Outcome: look.Answered, Status: 200}, Fine, "answers 200", ""},
		"refused":           {testService(), look.DialAnswer{Outcome: look.Refused}, Fault, "refuses", "listen on 10.0.0.20:3000 rather than on 127.0.0.1"},
		"timed out":         {testService(), look.DialAnswer{Outcome: look.TimedOut}, Fault, "in time", "firewall"},
		"unreachable":       {testService(), look.DialAnswer{Outcome: look.Unreachable}, Fault, "cannot be reached", "from node edge-1"},
		"wants TLS":         {testService(), look.DialAnswer{Outcome: look.WantsTLS}, Fault, "speaks TLS", "--scheme https"},
		"not TLS":           {testService(https), look.DialAnswer{Outcome: look.NotTLS}, Fault, "no TLS", "--scheme http"},
		"not HTTP":          {testService(), look.DialAnswer{Outcome: look.NotHTTP, Err: `"SSH-2.0"`}, Fault, "SSH-2.0", "port"},
		"broken":            {testService(), look.DialAnswer{Outcome: look.Broken, Err: "EOF"}, Fault, "EOF", "log"},
		"new outcome":       {testService(), look.DialAnswer{Outcome: "?"}, Fault, "breaks off", "log"},
		"bad certificate":   {testService(https), look.DialAnswer{Outcome: look.BadCert, Err: "unknown authority", Cert: soon}, Fault, "unknown authority", "it is for pve.lan, by CN=home, until "},
		"insecure":          {testService(https, insecure), look.DialAnswer{Outcome: look.BadCert, Cert: soon}, Fine, "not judged", ""},
		"ends soon":         {testService(https), look.DialAnswer{Outcome: look.Answered, Status: 200, Cert: soon}, Warning, "ends at", "renewed"},
		"wrong host":        {testService(), look.DialAnswer{Outcome: look.Answered, Status: 400}, Warning, "400 to the host name git.example.org", "told that name"},
		"fails":             {testService(), look.DialAnswer{Outcome: look.Answered, Status: 503}, Warning, "with 503", "log"},
		"circle":            {testService(), headed("Location", "https://git.example.org/"), Warning, "in a circle", "X-Forwarded-Proto"},
		"login page":        {testService(), headed("Location", "https://git.example.org/login"), Fine, "answers 302", ""},
		"relative":          {testService(), headed("Location", "/login"), Fine, "answers 302", ""},
		"inner address":     {testService(), headed("Location", "http://10.0.0.20:3000/login"), Warning, "inner address", "https://git.example.org"},
		"own policy":        {testService(like(inventory.PresetStrict)), headed("Content-Security-Policy", "script-src 'nonce-1'"), Warning, "script-src 'nonce-1'", "headers.csp: off"},
		"own policy stays":  {testService(), headed("Content-Security-Policy", "script-src 'nonce-1'"), Fine, "answers", ""},
		"own policy beside": {testService(like(inventory.PresetMedia)), headed("Content-Security-Policy", "x"), Fine, "answers", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, err := Probe(t.Context(), map[string]look.Looker{"edge-1": &node{answer: tc.answer}, "edge-2": &node{answer: tc.answer}}, tc.service)
			if err != nil || len(results) < 2 {
				t.Fatalf("%+v, %v", results, err)
			}
			worst := results[0]
			if results[1].Node == "edge-1" {
				worst = results[1]
			}
			if worst.Severity != tc.severity || !strings.Contains(worst.Text, tc.text) || !strings.Contains(worst.Hint, tc.hint) || worst.Node != "edge-1" {
				t.Errorf("%+v", results)
			}
			if tc.severity == Warning && len(results) != 3 {
				t.Errorf("the same is told of each node: %+v", results)
			}
		})
	}
}

func TestProbeAsksAsTraefikWould(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("PEM"), 0o644); err != nil {
		t.Fatal(err)
	}
	n := &node{answer: look.DialAnswer{Outcome: look.Answered}}
	s := testService(https, func(s *inventory.Service) {
		s.Host, s.To = "*.example.org", []string{"10.0.0.20:443", "[fd00::1]:443"}
		s.TLS = &inventory.BackendTLS{CA: "file:" + ca, ServerName: "pve.lan"}
	})
	results, err := Probe(t.Context(), map[string]look.Looker{"edge-1": n}, s)
	if err != nil || len(results) != 2 || results[1].Server != "[fd00::1]:443" {
		t.Errorf("%+v, %v", results, err)
	}
	d := n.asked.Dials[1]
	if d.Address != "[fd00::1]:443" || !d.TLS || !d.HTTP || d.ServerName != "pve.lan" || string(d.CA) != "PEM" || d.Host != "k3sedge-probe.example.org" || d.Millis == 0 {
		t.Errorf("asked %+v", d)
	}
	s.TLS.CA = "file:" + ca + ".gone"
	if _, err := Probe(t.Context(), map[string]look.Looker{"edge-1": n}, s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestProbeWithNodesThatAreDown(t *testing.T) {
	t.Parallel()
	up, down := &node{answer: look.DialAnswer{Outcome: look.Answered, Status: 200}}, &node{err: io.ErrUnexpectedEOF}
	results, err := Probe(t.Context(), map[string]look.Looker{"edge-1": up, "edge-2": down}, testService())
	if err != nil || len(results) != 2 || results[1].Severity != Unknown || !errors.Is(results[1].Err, io.ErrUnexpectedEOF) {
		t.Errorf("%+v, %v", results, err)
	}
	var hint interface{ Hint() string }
	for _, nodes := range []map[string]look.Looker{{"edge-2": down}, {}} {
		if _, err := Probe(t.Context(), nodes, testService()); !errors.Is(err, ErrNoNode) || !errors.As(err, &hint) {
			t.Errorf("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Probe(ctx, map[string]look.Looker{"edge-1": up}, testService()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
