package agent_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/agent"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/supervisor"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

// passwords lets in the nodes whose password is "right".
type passwords struct{}

func (passwords) Ensure(_ context.Context, _, password string) error {
	if password != "right" {
		return supervisor.ErrRejected
	}
	return nil
}

// start serves a real supervisor, before no API at all.
func start(t *testing.T) (url string, cas *pki.Cluster) {
	t.Helper()
	cas, err := pki.Open(filepath.Join(t.TempDir(), "tls"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cas.Keep(pki.Names{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	h, err := (&supervisor.Supervisor{
		CAs: cas, Server: "s", Agent: "a", Passwords: passwords{},
		Settings:   supervisor.Settings{ClusterCIDR: "10.42.0.0/16", ClusterDNS: "10.43.0.10"},
		APIServers: func(context.Context) ([]string, error) { return []string{"10.77.0.11:6443", "10.77.0.12:6443"}, nil },
	}).Handler()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(cas.Dir, "serving-kube-apiserver")
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, cas
}

func join(t *testing.T, url, text, password string) *agent.Join {
	t.Helper()
	tok, err := token.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &agent.Join{URL: url, Token: tok, User: "node", Name: "edge-2", IP: "10.77.0.12", Password: password}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	url, cas := start(t)
	for _, text := range []string{"a", token.Full(cas.Server.PEM, "node", "a")} {
		j := join(t, url, text, "right")
		if err := j.Trust(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := j.Settings(t.Context())
		if err != nil || s.ClusterCIDR != "10.42.0.0/16" {
			t.Errorf("settings %+v, %v", s, err)
		}
		dir := filepath.Join(t.TempDir(), "agent")
		if err := j.Fetch(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"serving-kubelet", "client-kubelet", "client-kube-proxy", "client-k3s-controller"} {
			base := filepath.Join(dir, name)
			if _, err := tls.LoadX509KeyPair(base+".crt", base+".key"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		servers, err := j.APIServers(t.Context())
		if err != nil || len(servers) != 2 {
			t.Errorf("servers %q, %v", servers, err)
		}
	}
}

func TestJoinRefused(t *testing.T) {
	t.Parallel()
	url, cas := start(t)
	other := token.Full([]byte("another CA"), "node", "a")
	if err := join(t, url, other, "right").Trust(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "token CA hash does not match") {
		t.Errorf("another cluster's token gives %v", err)
	}
	for _, text := range []string{token.Full(cas.Server.PEM, "node", "wrong"), token.Full(cas.Server.PEM, "server", "s")} {
		wrong := join(t, url, text, "right")
		if err := wrong.Trust(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := wrong.Settings(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "/v1-k3s/config: 401 Unauthorized") {
			t.Errorf("a wrong secret gives %v", err)
		}
	}
	second := join(t, url, token.Full(cas.Server.PEM, "node", "a"), "another")
	if err := second.Trust(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Fetch(t.Context(), t.TempDir()); !errors.Is(err, agent.ErrPassword) {
		t.Errorf("the name of another node gives %v", err)
	}
	if err := join(t, "https://127.0.0.1:1", "a", "right").Trust(t.Context()); err == nil {
		t.Error("nobody was trusted")
	}
}

func TestRunRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		token, server string
		want          error
	}{
		{"", "https://10.77.0.11:6443", agent.ErrNoToken},
		{"a", "", agent.ErrNoURL},
		{"a", "http://10.77.0.11:6443", agent.ErrNotHTTPS},
	} {
		c := config.Config{Token: tt.token, Server: tt.server}
		if err := agent.Run(t.Context(), agent.Options{Config: c}); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	name, ip, err := agent.Identity(config.Config{NodeName: "Edge-1", NodeIP: []string{"10.77.0.11", "fd00::1"}})
	if name != "edge-1" || ip != "10.77.0.11" || err != nil {
		t.Errorf("%s %s %v", name, ip, err)
	}
	if name, _, err := agent.Identity(config.Config{}); err == nil && name == "" {
		t.Error("a host without a name")
	}
}

func TestTheNodesPasswordStays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "node", "password")
	first, err := agent.EnsurePassword(file)
	if err != nil || len(first) != 32 {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := agent.EnsurePassword(file); err != nil || again != first {
		t.Errorf("%q, %v", again, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// echo answers with a name to whoever connects.
func echo(t *testing.T, name string) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			_, _ = io.WriteString(conn, name)
			_ = conn.Close()
		}
	}()
	return l
}

func TestTheBalancerGoesToAServerThatAnswers(t *testing.T) {
	t.Parallel()
	first, second := echo(t, "first"), echo(t, "second")
	state := filepath.Join(t.TempDir(), "etc", "lb.json")
	b := agent.NewBalancer(first.Addr().String(), state)
	if err := b.Learn([]string{first.Addr().String(), second.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	again := agent.NewBalancer(first.Addr().String(), state) // as after a restart
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- again.Serve(ctx, l) }()
	ask := func() string {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		answer, _ := io.ReadAll(conn)
		return string(answer)
	}
	if got := ask(); got != "first" {
		t.Errorf("got %q", got)
	}
	_ = first.Close()
	if got := ask(); got != "second" {
		t.Errorf("with the first server gone: %q", got)
	}
	_ = second.Close()
	if got := ask(); got != "" {
		t.Errorf("with both gone: %q", got)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
