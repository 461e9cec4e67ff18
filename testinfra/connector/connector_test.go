package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// world is a stand-in with a tunnel and a name that leads to it.
type world struct {
	*fakecloudflare.Running
	t      *testing.T
	tunnel fakecloudflare.Tunnel
	token  string
}

func newWorld(t *testing.T, source string) world {
	t.Helper()
	w := world{Running: fakecloudflare.Start(t, fakecloudflare.Options{}), t: t}
	var err error
	if w.tunnel, w.token, err = w.AddTunnel(fakecloudflare.TestAccount, "edge", source); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"git.lab.test", "other.lab.test"} {
		if _, err := w.AddRecord(fakecloudflare.Record{Name: name, Type: "CNAME", Content: w.tunnel.ID + ".cfargotunnel.com", Proxied: true}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// rules are written as somebody would.
func (w world) rules(rules ...ingress.Rule) {
	w.t.Helper()
	c := ingress.Config{Ingress: append(rules, ingress.Rule{Service: "http_status:404"})}
	if err := w.Configure(w.tunnel.ID, c); err != nil {
		w.t.Fatal(err)
	}
}

// roots trust the stand-in.
func (w world) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.CA())
	return pool
}

// start runs a connector until the test ends, and waits until it is ready.
func (w world) start(c *connector) {
	w.t.Helper()
	c.edge, c.roots = w.Connectors, w.roots()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- c.serve(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("connector: %v", err)
		}
	})
	w.until("the connector is ready", func() bool { return w.status() == "healthy" })
}

func (w world) remote() *connector {
	token, err := wire.ParseToken(w.token)
	if err != nil {
		w.t.Fatal(err)
	}
	return newConnector(options{token: token}, log.New(io.Discard, "", 0))
}

func (w world) status() string {
	var answer []fakecloudflare.TunnelState
	rec := httptest.NewRecorder()
	w.Lab().ServeHTTP(rec, httptest.NewRequest("GET", "/tunnels", nil))
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || len(answer) == 0 {
		w.t.Fatalf("tunnels: %s, %v", rec.Body, err)
	}
	return answer[0].Status
}

func (w world) until(what string, holds func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// get asks the edge as a browser would.
func (w world) get(url string) (status int, body string) {
	w.t.Helper()
	client := w.Client()
	transport, _ := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, w.Edge)
	}
	transport.DisableKeepAlives = true
	req, err := http.NewRequestWithContext(w.t.Context(), "GET", url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "192.0.2.7")
	req.Header.Set("Cf-Connecting-Ip", "192.0.2.8")
	res, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// service tells what it was asked.
func service(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		fmt.Fprintf(w, "%s %s%s for=%s proto=%s ip=%s", name, r.Host, r.URL, strings.Join(h["X-Forwarded-For"], "|"), h.Get("X-Forwarded-Proto"), h.Get("Cf-Connecting-Ip"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestRequestsGoTheWayTheRulesSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cloudflare")
	w.start(w.remote())
	if status, _ := w.get("https://git.lab.test/"); status != http.StatusServiceUnavailable {
		t.Errorf("without a configuration: %d", status)
	}
	w.rules(ingress.Rule{Hostname: "git.lab.test", Path: "^/api/", Service: service(t, "api")},
		ingress.Rule{Hostname: "git.lab.test", Service: service(t, "git"), OriginRequest: map[string]any{"httpHostHeader": "inner.test", "connectTimeout": 5.0}})
	w.until("the rules are there", func() bool { status, _ := w.get("https://git.lab.test/"); return status == http.StatusOK })
	const added = " for=192.0.2.7, 127.0.0.1 proto=https ip=127.0.0.1"
	if _, body := w.get("https://git.lab.test/api/x?y=1"); body != "api git.lab.test/api/x?y=1"+added {
		t.Errorf("the first rule: %s", body)
	}
	if _, body := w.get("https://git.lab.test/a"); body != "git inner.test/a"+added {
		t.Errorf("the second rule: %s", body)
	}
	if status, _ := w.get("https://other.lab.test/"); status != http.StatusNotFound {
		t.Errorf("the last rule: %d", status)
	}
	w.rules(ingress.Rule{Hostname: "git.lab.test", Service: "http://127.0.0.1:1"}, ingress.Rule{Hostname: "other.lab.test", Service: "ssh://127.0.0.1:22"})
	w.until("the new rules are there", func() bool { status, _ := w.get("https://git.lab.test/"); return status == http.StatusBadGateway })
	if status, body := w.get("https://other.lab.test/"); status != http.StatusBadGateway || !strings.Contains(body, "not taught") {
		t.Errorf("a service that was not taught: %d %s", status, body)
	}
}

func TestServicesWithTLSAreVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cloudflare")
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") }))
	t.Cleanup(s.Close)
	w.rules(ingress.Rule{Hostname: "git.lab.test", Service: s.URL, OriginRequest: map[string]any{"originServerName": "example.com"}},
		ingress.Rule{Hostname: "other.lab.test", Service: s.URL, OriginRequest: map[string]any{"noTLSVerify": true}})
	w.start(w.remote())
	if status, body := w.get("https://git.lab.test/"); status != http.StatusBadGateway || !strings.Contains(body, "x509") {
		t.Errorf("a certificate of nobody: %d %s", status, body)
	}
	if status, body := w.get("https://other.lab.test/"); status != http.StatusOK || body != "inside" {
		t.Errorf("without verification: %d %s", status, body)
	}
}

func TestTheConnectorComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cloudflare")
	w.rules(ingress.Rule{Hostname: "git.lab.test", Service: service(t, "git")})
	c := w.remote()
	w.start(c)
	if err := w.Fault(fakecloudflare.Fault{Kind: fakecloudflare.EdgeDown}); err != nil {
		t.Fatal(err)
	}
	if status, body := w.get("https://git.lab.test/"); status != 530 || body != "error code: 1033" || w.status() != "down" {
		t.Errorf("without a connector: %d %s, tunnel %s", status, body, w.status())
	}
	w.until("it knows", func() bool { return probe(t, c, "/ready", nil) == http.StatusServiceUnavailable })
	w.ClearFaults()
	w.until("the tunnel is healthy again", func() bool { return w.status() == "healthy" })
	if status, _ := w.get("https://git.lab.test/"); status != http.StatusOK {
		t.Errorf("after it came back: %d", status)
	}
}

// probe asks the metrics address.
func probe(t *testing.T, c *connector, path string, into any) int {
	t.Helper()
	rec := httptest.NewRecorder()
	c.metrics().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	if into != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %s: %v", path, rec.Body, err)
		}
	}
	return rec.Code
}

func TestProbes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cloudflare")
	c := w.remote()
	var config struct {
		Version int
		Config  *ingress.Config
	}
	if probe(t, c, "/ready", nil) != http.StatusServiceUnavailable || probe(t, c, "/healthcheck", nil) != http.StatusOK {
		t.Error("before it is connected it is alive and not ready")
	}
	if probe(t, c, "/config", &config); config.Version != -1 || config.Config != nil {
		t.Errorf("at first %+v", config)
	}
	w.start(c)
	w.rules(ingress.Rule{Hostname: "git.lab.test", Service: "http://127.0.0.1:8444"})
	w.rules()
	w.until("it has the second version", func() bool { probe(t, c, "/config", &config); return config.Version == 2 })
	if len(config.Config.Ingress) != 1 {
		t.Errorf("its rules: %+v", config.Config)
	}
	var ready struct{ ReadyConnections int }
	if code := probe(t, c, "/ready", &ready); code != http.StatusOK || ready.ReadyConnections != connections {
		t.Errorf("ready: %d %+v", code, ready)
	}
	if probe(t, c, "/metrics", nil) != http.StatusOK {
		t.Error("no metrics")
	}
}

func TestARefusedTokenEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cloudflare")
	for name, change := range map[string]func(*wire.Token){
		"secret":  func(k *wire.Token) { k.Secret = []byte("wrong") },
		"tunnel":  func(k *wire.Token) { k.Tunnel = "none" },
		"account": func(k *wire.Token) { k.Account = "other" },
	} {
		c := w.remote()
		change(&c.token)
		c.edge, c.roots = w.Connectors, w.roots()
		if err := c.serve(t.Context()); !errors.Is(err, errRefused) {
			t.Errorf("a wrong %s: %v", name, err)
		}
	}
	c := w.remote()
	c.edge = w.Connectors // and no roots
	if _, err := c.line(t.Context()); err == nil || errors.Is(err, errRefused) {
		t.Errorf("an edge that nobody vouches for: %v", err)
	}
	if err := w.DeleteTunnel(w.tunnel.ID); err != nil {
		t.Fatal(err)
	}
	c = w.remote()
	c.edge, c.roots = w.Connectors, w.roots()
	if err := c.serve(t.Context()); !errors.Is(err, errRefused) {
		t.Errorf("a deleted tunnel: %v", err)
	}
}

func TestALocallyManagedTunnel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "local")
	creds, err := json.Marshal(map[string]string{"AccountTag": w.tunnel.Account, "TunnelID": w.tunnel.ID, "TunnelName": "edge",
		"TunnelSecret": base64.StdEncoding.EncodeToString(w.tunnel.Secret)})
	if err != nil {
		t.Fatal(err)
	}
	token, err := parseCredentials(creds)
	if err != nil {
		t.Fatal(err)
	}
	_, rules, err := parseLocal(fmt.Appendf(nil, "tunnel: %s\ncredentials-file: x\ningress:\n- {hostname: git.lab.test, service: %q, originRequest: {connectTimeout: 5s}}\n- service: http_status:404\n",
		w.tunnel.ID, service(t, "git")))
	if err != nil {
		t.Fatal(err)
	}
	c := newConnector(options{token: token}, log.New(io.Discard, "", 0))
	c.setLocal(rules)
	w.start(c)
	if status, body := w.get("https://git.lab.test/"); status != http.StatusOK || !strings.HasPrefix(body, "git") {
		t.Errorf("%d %s", status, body)
	}
	rec := httptest.NewRecorder()
	req := httptest.NewRequest("PUT", "https://"+wire.ConfigHost+"/", bytes.NewReader(nil))
	if c.ServeHTTP(rec, req); rec.Code != http.StatusConflict {
		t.Errorf("the edge may change its rules: %d", rec.Code)
	}
}
