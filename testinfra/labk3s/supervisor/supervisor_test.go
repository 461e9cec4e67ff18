package supervisor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/supervisor"
)

// passwords remembers the first password of a name.
type passwords map[string]string

func (p passwords) Ensure(_ context.Context, node, password string) error {
	if node == "early" {
		return errors.New("the API is not there yet")
	}
	if p[node] == "" {
		p[node] = password
	}
	if p[node] != password {
		return supervisor.ErrRejected
	}
	return nil
}

// seen is what stands before kube-apiserver's handlers.
type seen struct {
	User, Front, Token string
	Groups             []string
	Proto              string
}

type cluster struct {
	url string
	cas *pki.Cluster
}

// start serves a supervisor before an API server that tells what it sees.
func start(t *testing.T) cluster {
	t.Helper()
	dir := t.TempDir()
	cas, err := pki.Open(filepath.Join(dir, "tls"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cas.Keep(pki.Names{Node: "n", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	charts := filepath.Join(dir, "static", "charts")
	if err := os.MkdirAll(charts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(charts, "traefik-1.tgz"), []byte("chart"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &supervisor.Supervisor{
		CAs: cas, Server: "server-secret", Agent: "agent-secret", Passwords: passwords{},
		Settings:   supervisor.Settings{ClusterCIDR: "10.42.0.0/16"},
		Static:     filepath.Join(dir, "static"),
		Bootstrap:  func() (map[string][]byte, error) { return supervisor.Files(cas.Dir, pki.Shared()...) },
		APIServers: func(context.Context) ([]string, error) { return []string{"10.77.0.11:6443"}, nil },
		APIServer:  apiServer(t, cas),
	}
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { served <- supervisor.Listener{CAs: cas}.Serve(ctx, l, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return cluster{url: "https://" + l.Addr().String(), cas: cas}
}

func apiServer(t *testing.T, cas *pki.Cluster) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := seen{
			User: r.Header.Get("X-Remote-User"), Groups: r.Header["X-Remote-Group"],
			Token: r.Header.Get("Authorization"), Proto: r.Proto,
		}
		if len(r.TLS.PeerCertificates) > 0 {
			v.Front = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
		if r.URL.Query().Get("watch") != "" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	base := filepath.Join(cas.Dir, "serving-kube-apiserver")
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		t.Fatal(err)
	}
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: cas.Proxy.Pool(), ClientAuth: tls.VerifyClientCertIfGiven}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func (c cluster) client(certs ...tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: c.cas.Server.Pool(), Certificates: certs},
	}}
}

// issue gives a client's certificate of an authority.
func issue(t *testing.T, ca *pki.Authority, name string, groups ...string) tls.Certificate {
	t.Helper()
	crt, key, err := ca.Issue(pki.Leaf{Name: name, Groups: groups, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (c cluster) see(t *testing.T, client *http.Client, header http.Header) seen {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/api?watch=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var v seen
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil { // the stream goes on: what is there must have come through
		t.Fatal(err)
	}
	return v
}

func TestTheAPISeesWhoAsks(t *testing.T) {
	t.Parallel()
	c := start(t)
	stranger, err := pki.Load(filepath.Join(t.TempDir(), "ca"), "stranger")
	if err != nil {
		t.Fatal(err)
	}
	spoof := http.Header{"X-Remote-User": {"admin"}, "X-Remote-Group": {"system:masters"}, "X-Remote-Extra-A": {"b"}}
	for name, tt := range map[string]struct {
		client      *http.Client
		header      http.Header
		user, front string
		token       string
	}{
		"nobody":                      {c.client(), http.Header{}, "", "", ""},
		"who only says so":            {c.client(), spoof.Clone(), "", "", ""},
		"a client's certificate":      {c.client(issue(t, c.cas.Client, "system:node:n", "system:nodes")), spoof.Clone(), "system:node:n", pki.ProxyName, ""},
		"a stranger's certificate":    {c.client(issue(t, stranger, "system:admin", "system:masters")), http.Header{}, "", "", ""},
		"a server's own certificate":  {c.client(issue(t, c.cas.Server, "system:admin", "system:masters")), http.Header{}, "", "", ""},
		"a token without certificate": {c.client(), http.Header{"Authorization": {"Bearer t"}}, "", "", "Bearer t"},
	} {
		got := c.see(t, tt.client, tt.header)
		if got.User != tt.user || got.Front != tt.front || got.Token != tt.token || got.Proto != "HTTP/2.0" {
			t.Errorf("%s: the API sees %+v", name, got)
		}
		if tt.user != "" && (len(got.Groups) != 1 || got.Groups[0] != "system:nodes") {
			t.Errorf("%s: groups %q", name, got.Groups)
		}
	}
}

func TestUpgradesGoThrough(t *testing.T) {
	t.Parallel()
	c := start(t)
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: c.cas.Server.Pool()}}).DialContext(t.Context(), "tcp", strings.TrimPrefix(c.url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "GET /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("HTTP/1.1 101"))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 101" {
		t.Errorf("answer %q, %v", line, err)
	}
}

func TestWhoMayAskWhat(t *testing.T) {
	t.Parallel()
	c := start(t)
	for _, tt := range []struct {
		path, user, secret, node, password string
		want                               int
	}{
		{"/ping", "", "", "", "", 200},
		{"/cacerts", "", "", "", "", 200},
		{"/static/charts/traefik-1.tgz", "", "", "", "", 200},
		{"/static/../tls/server-ca.key", "", "", "", "", 404},
		{"/v1-k3s/config", "", "", "", "", 401},
		{"/v1-k3s/config", "node", "agent-secret", "", "", 200},
		{"/v1-k3s/config", "node", "server-secret", "", "", 401},
		{"/v1-k3s/config", "node", "", "", "", 401},
		{"/v1-k3s/config", "server", "agent-secret", "", "", 401},
		{"/v1-k3s/apiservers", "node", "agent-secret", "", "", 200},
		{"/v1-k3s/server-bootstrap", "server", "agent-secret", "", "", 401},
		{"/v1-k3s/server-bootstrap", "node", "server-secret", "", "", 401},
		{"/v1-k3s/server-bootstrap", "server", "server-secret", "", "", 200},
		{"/v1-k3s/client-kubelet.crt", "node", "agent-secret", "", "", 400},
		{"/v1-k3s/client-kubelet.crt", "node", "agent-secret", "edge-1", "p", 200},
		{"/v1-k3s/client-kubelet.crt", "node", "agent-secret", "EDGE-1", "q", 403},
		{"/v1-k3s/client-kubelet.crt", "node", "agent-secret", "early", "q", 503},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.user != "" {
			r.SetBasicAuth(tt.user, tt.secret)
		}
		r.Header.Set(supervisor.HeaderName, tt.node)
		r.Header.Set(supervisor.HeaderPassword, tt.password)
		resp, err := c.client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.want && !(tt.want == 404 && resp.Request.URL.Path != tt.path) {
			t.Errorf("%+v: %d", tt, resp.StatusCode)
		}
	}
}

func TestTheListenerFollowsTheAPIServersSettings(t *testing.T) {
	t.Parallel()
	c := start(t)
	for _, l := range []supervisor.Listener{
		{CAs: c.cas, MinVersion: "VersionTLS99"},
		{CAs: c.cas, Ciphers: "TLS_NONSENSE"},
	} {
		if err := l.Serve(t.Context(), nil, nil); err == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
	old := &tls.Config{RootCAs: c.cas.Server.Pool(), MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if _, err := (&tls.Dialer{Config: old}).DialContext(t.Context(), "tcp", strings.TrimPrefix(c.url, "https://")); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

func TestKubeletsCertificates(t *testing.T) {
	t.Parallel()
	c := start(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/v1-k3s/serving-kubelet.crt", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("node", "agent-secret")
	for name, value := range map[string]string{
		supervisor.HeaderName: "edge-2", supervisor.HeaderPassword: "p", supervisor.HeaderIP: "10.77.0.12",
	} {
		r.Header.Set(name, value)
	}
	resp, err := c.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	for _, name := range []string{"edge-2", "10.77.0.12", "127.0.0.1"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: c.cas.Server.Pool(), DNSName: name}); err != nil {
			t.Error(err)
		}
	}
}
