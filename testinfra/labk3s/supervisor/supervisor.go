package supervisor

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
)

// The headers by which a node says who it is.
const (
	HeaderName     = "K3s-Node-Name"
	HeaderPassword = "K3s-Node-Password"
	HeaderIP       = "K3s-Node-Ip"
)

// ErrRejected is returned for a node's password that is not the one its name
// was first used with.
var ErrRejected = errors.New("hash does not match")

// Passwords knows the nodes' passwords.
type Passwords interface {
	// Ensure keeps the password of a new node and refuses another one for a
	// known node with ErrRejected.
	Ensure(ctx context.Context, node, password string) error
}

// Settings is what a server tells the nodes that join it.
type Settings struct {
	ClusterCIDR, ServiceCIDR, ClusterDNS, ClusterDomain, FlannelBackend string
}

// Supervisor serves K3s' own paths.
type Supervisor struct {
	CAs           *pki.Cluster
	Server, Agent string // the secrets of servers and of agents
	Settings      Settings
	Static        string // folder of /static/
	Passwords     Passwords
	Bootstrap     func() (map[string][]byte, error) // what a further server needs
	APIServers    func(ctx context.Context) ([]string, error)
	APIServer     string // kube-apiserver's address
}

// Handler gives the whole of 6443.
func (s *Supervisor) Handler() (http.Handler, error) {
	base := filepath.Join(s.CAs.Dir, "client-auth-proxy")
	front, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		return nil, fmt.Errorf("load the proxy's certificate: %w", err)
	}
	api, err := newProxy(s.APIServer, s.CAs.Server.Pool(), s.CAs.Client.Pool(), front)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServer(http.Dir(s.Static))))
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { write(w, []byte("pong")) })
	mux.HandleFunc("GET /cacerts", func(w http.ResponseWriter, _ *http.Request) { write(w, s.CAs.Server.PEM) })
	for path, answer := range map[string]answer{
		"client-ca.crt":             func(*http.Request) ([]byte, error) { return s.CAs.Client.PEM, nil },
		"server-ca.crt":             func(*http.Request) ([]byte, error) { return s.CAs.Server.PEM, nil },
		"config":                    func(*http.Request) ([]byte, error) { return json.Marshal(s.Settings) },
		"readyz":                    func(*http.Request) ([]byte, error) { return []byte("ok"), nil },
		"apiservers":                s.apiServers,
		"serving-kubelet.crt":       s.servingKubelet,
		"client-kubelet.crt":        s.clientKubelet,
		"client-kube-proxy.crt":     s.client("system:kube-proxy"),
		"client-k3s-controller.crt": s.client("system:k3s-controller"),
	} {
		mux.Handle("GET /v1-k3s/"+path, s.authorized("node", s.Agent, answer))
	}
	mux.Handle("GET /v1-k3s/server-bootstrap", s.authorized("server", s.Server, s.bootstrap))
	return mux, nil
}

// answer makes a response, or an error that carries its status.
type answer func(*http.Request) ([]byte, error)

type statusError struct {
	status int
	err    error
}

func (e statusError) Error() string { return e.err.Error() }

func (e statusError) Unwrap() error { return e.err }

// authorized lets in whoever is the user and knows the user's own secret. The
// server's is none for a node where agents have one of their own (k3s
// pkg/authenticator/passwordfile).
func (s *Supervisor) authorized(user, want string, next answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, secret, _ := r.BasicAuth()
		if name != user || want == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(want)) != 1 {
			fail(w, r, http.StatusUnauthorized, errors.New("not authorized"))
			return
		}
		body, err := next(r)
		var status statusError
		switch {
		case errors.As(err, &status):
			fail(w, r, status.status, err)
		case err != nil:
			fail(w, r, http.StatusInternalServerError, err)
		default:
			write(w, body)
		}
	})
}

func write(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		logrus.Debugf("Answer to a client that has gone: %v", err)
	}
}

func fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	logrus.Errorf("Sending %s %d response to %s: %v", r.Proto, status, r.RemoteAddr, err)
	http.Error(w, http.StatusText(status), status)
}

// node checks who asks, and gives its name and addresses.
func (s *Supervisor) node(r *http.Request) (string, []net.IP, error) {
	name, password := strings.ToLower(r.Header.Get(HeaderName)), r.Header.Get(HeaderPassword)
	if name == "" || password == "" {
		return "", nil, statusError{http.StatusBadRequest, errors.New("node name or password not set")}
	}
	err := s.Passwords.Ensure(r.Context(), name, password)
	switch {
	case errors.Is(err, ErrRejected):
		return "", nil, statusError{http.StatusForbidden, fmt.Errorf("unable to verify password for node %s: %w", name, err)}
	case err != nil:
		return "", nil, statusError{http.StatusServiceUnavailable, fmt.Errorf("unable to verify password for node %s: %w", name, err)}
	}
	ips := []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, text := range strings.Split(r.Header.Get(HeaderIP), ",") {
		if ip := net.ParseIP(text); ip != nil {
			ips = append(ips, ip)
		}
	}
	return name, ips, nil
}

func (s *Supervisor) servingKubelet(r *http.Request) ([]byte, error) {
	name, ips, err := s.node(r)
	if err != nil {
		return nil, err
	}
	return pair(s.CAs.Server, pki.Leaf{Name: name, DNS: []string{name, "localhost"}, IPs: ips, Server: true})
}

func (s *Supervisor) clientKubelet(r *http.Request) ([]byte, error) {
	name, _, err := s.node(r)
	if err != nil {
		return nil, err
	}
	return pair(s.CAs.Client, pki.Leaf{Name: "system:node:" + name, Groups: []string{"system:nodes"}, Client: true})
}

func (s *Supervisor) client(user string) answer {
	return func(*http.Request) ([]byte, error) {
		return pair(s.CAs.Client, pki.Leaf{Name: user, Client: true})
	}
}

func (s *Supervisor) apiServers(r *http.Request) ([]byte, error) {
	list, err := s.APIServers(r.Context())
	if err != nil {
		return nil, statusError{http.StatusServiceUnavailable, err}
	}
	return json.Marshal(list)
}

func (s *Supervisor) bootstrap(*http.Request) ([]byte, error) {
	files, err := s.Bootstrap()
	if err != nil {
		return nil, err
	}
	return json.Marshal(files)
}

func pair(ca *pki.Authority, l pki.Leaf) ([]byte, error) {
	crt, key, err := ca.Issue(l)
	return append(crt, key...), err
}

// Files reads the named files of a folder, for Bootstrap.
func Files(dir string, names ...string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("read what servers share: %w", err)
		}
		out[name] = b
	}
	return out, nil
}
