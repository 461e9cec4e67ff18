package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/control"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

func authorities(t *testing.T) *pki.Cluster {
	t.Helper()
	cas, err := pki.Open(filepath.Join(t.TempDir(), "tls"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cas.Keep(pki.Names{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	return cas
}

// etcd starts a real member on ports of its own and gives a client of it.
func etcd(t *testing.T) *clientv3.Client {
	t.Helper()
	cas := authorities(t)
	c := config.Defaults()
	c.EtcdArgs = []string{
		"listen-client-urls=https://127.0.0.1:0", "listen-peer-urls=https://127.0.0.1:0", "listen-metrics-urls=http://127.0.0.1:0",
		"strict-reconfig-check=false",
	}
	member, err := control.Plane{Config: c, Dir: filepath.Dir(cas.Dir), Advertise: "127.0.0.1"}.StartEtcd(t.Context(), control.Etcd{Name: "edge-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Close)
	base := filepath.Join(cas.Dir, "etcd", "client")
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{"https://" + member.Clients[0].Addr().String()},
		TLS:       &tls.Config{RootCAs: cas.EtcdServer.Pool(), Certificates: []tls.Certificate{cert}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestAServerJoinsTheOthersEtcd(t *testing.T) {
	t.Parallel()
	client := etcd(t)
	s := &Server{name: "edge-2"}
	const self = "https://127.0.0.1:1"
	got, err := s.add(t.Context(), client, self)
	if err != nil {
		t.Fatal(err)
	}
	if want := "edge-2=" + self; !strings.Contains(got, want) || !strings.Contains(got, "edge-1=https://") {
		t.Errorf("members %q", got)
	}
}

func TestJoiningEndsWithItsContext(t *testing.T) {
	t.Parallel()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"https://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Server{}).insist(ctx, client); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// first is a server that hands out what is given to it.
func first(t *testing.T, files map[string][]byte) (url string, ca []byte) {
	t.Helper()
	cas := authorities(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cacerts", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(cas.Server.PEM) })
	mux.HandleFunc("GET /v1-k3s/server-bootstrap", func(w http.ResponseWriter, r *http.Request) {
		if user, secret, _ := r.BasicAuth(); user != "server" || secret != "s" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if err := json.NewEncoder(w).Encode(files); err != nil {
			t.Error(err)
		}
	})
	base := filepath.Join(cas.Dir, "serving-kube-apiserver")
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, cas.Server.PEM
}

func TestAFurtherServerTakesOverWhatIsShared(t *testing.T) {
	t.Parallel()
	url, ca := first(t, map[string][]byte{"tls/service.key": []byte("key"), "../../outside": []byte("stays inside")})
	for text, good := range map[string]bool{
		token.Full(ca, "server", "s"):              true,
		token.Full(ca, "node", "s"):                true, // what counts is the secret
		token.Full(ca, "server", "wrong"):          false,
		token.Full([]byte("other"), "server", "s"): false,
		"K10x": false,
	} {
		root := t.TempDir()
		s := &Server{config: config.Config{Server: url + "/", Token: text}, dir: filepath.Join(root, "k3s", "server"), name: "edge-2"}
		if err := s.adopt(t.Context()); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "tls", "service.key"))
		if good && (err != nil || string(b) != "key") {
			t.Errorf("%s: %q, %v", text, b, err)
		}
		if _, err := os.Stat(filepath.Join(root, "outside")); err == nil {
			t.Error("a file was written outside the server's folder")
		}
	}
}

func TestAMemberWithDataDoesNotJoinAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "db", "etcd", "member"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := &Server{config: config.Config{Server: "https://127.0.0.1:1", Token: "s"}, dir: dir, name: "edge-2", plane: control.Plane{Members: true}}
	if e, err := s.member(t.Context()); err != nil || e.Cluster != "" || !e.Public {
		t.Errorf("%+v, %v", e, err)
	}
}
