package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/agent"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/control"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/supervisor"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

// ErrJoinToken is returned when a further server is started without a token.
var ErrJoinToken = errors.New("a token is needed to join the servers named by server")

// sharedFiles are what all servers have in common, below DIR/server.
func sharedFiles() []string {
	var out []string
	for _, name := range pki.Shared() {
		out = append(out, "tls/"+name)
	}
	return append(out, "cred/passwd")
}

// shared is what a further server is given. K3s keeps it in etcd, encrypted
// with the token; here one server hands it to the next.
func (s *Server) shared() (map[string][]byte, error) {
	names := sharedFiles()
	for _, name := range []string{"cred/encryption-config.json", "issuer/lab-ca.crt", "issuer/lab-ca.key"} {
		if _, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			names = append(names, name)
		}
	}
	return supervisor.Files(s.dir, names...)
}

// apiServers reads where the servers are from what they say of themselves.
func apiServers(ctx context.Context, client kubernetes.Interface) ([]string, error) {
	found, err := client.DiscoveryV1().EndpointSlices("default").Get(ctx, "kubernetes", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("list servers: %w", err)
	}
	var out []string
	for _, e := range found.Endpoints {
		for _, a := range e.Addresses {
			for _, p := range found.Ports {
				out = append(out, net.JoinHostPort(a, strconv.Itoa(int(*p.Port))))
			}
		}
	}
	return out, nil
}

// member says how this server's etcd runs, and makes it a member of the
// others' when it is to join them and has not yet.
func (s *Server) member(ctx context.Context) (control.Etcd, error) {
	e := control.Etcd{Name: s.name, Public: s.plane.Members}
	_, err := os.Stat(filepath.Join(s.dir, "db", "etcd", "member"))
	if err == nil || s.config.Server == "" {
		return e, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return e, fmt.Errorf("look for etcd's data: %w", err)
	}
	if err := s.adopt(ctx); err != nil {
		return e, err
	}
	e.Cluster, err = s.addMember(ctx)
	return e, err
}

// adopt takes over what the servers have in common.
func (s *Server) adopt(ctx context.Context) error {
	if s.config.Token == "" {
		return ErrJoinToken
	}
	t, err := token.Parse(s.config.Token)
	if err != nil {
		return err
	}
	j := &agent.Join{URL: strings.TrimSuffix(s.config.Server, "/"), Token: t, User: "server", Name: s.name, IP: s.ip}
	if err := j.Trust(ctx); err != nil {
		return err
	}
	b, err := j.Get(ctx, "server-bootstrap")
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if err := json.Unmarshal(b, &files); err != nil {
		return fmt.Errorf("read what the servers share: %w", err)
	}
	for name, content := range files {
		file := filepath.Join(s.dir, filepath.Clean("/"+name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return fmt.Errorf("write what the servers share: %w", err)
		}
	}
	return nil
}

// addMember tells the others' etcd of this server and gives the list of all.
func (s *Server) addMember(ctx context.Context) (string, error) {
	cas, err := pki.Open(filepath.Join(s.dir, "tls"))
	if err != nil {
		return "", err
	}
	crt, key, err := cas.EtcdServer.Issue(pki.Leaf{Name: "etcd-client", Client: true})
	if err != nil {
		return "", err
	}
	cert, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return "", fmt.Errorf("load certificate: %w", err)
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(s.config.Server, "https://"), ":")
	c, err := clientv3.New(clientv3.Config{
		Endpoints: []string{"https://" + net.JoinHostPort(host, "2379")}, DialTimeout: 5 * time.Second, Context: ctx,
		TLS: &tls.Config{RootCAs: cas.EtcdServer.Pool(), Certificates: []tls.Certificate{cert}},
	})
	if err != nil {
		return "", fmt.Errorf("reach the others' etcd: %w", err)
	}
	defer func() { _ = c.Close() }()
	return s.insist(ctx, c)
}

// insist adds this server when the others are ready for it: while another one
// joins, etcd takes no more.
func (s *Server) insist(ctx context.Context, c *clientv3.Client) (string, error) {
	self := "https://" + s.plane.Advertise + ":2380"
	for {
		list, err := s.add(ctx, c, self)
		if err == nil {
			return list, nil
		}
		logrus.Infof("Waiting to join the others' etcd: %v", err)
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("join the others' etcd: %w", context.Cause(ctx))
		case <-time.After(time.Second):
		}
	}
}

// add tries once. What an earlier try left behind that never started is taken
// away first.
func (s *Server) add(ctx context.Context, c *clientv3.Client, self string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	old, err := c.MemberList(ctx)
	if err != nil {
		return "", fmt.Errorf("list members: %w", err)
	}
	for _, m := range old.Members {
		if m.Name != "" || !slices.Contains(m.PeerURLs, self) {
			continue
		}
		if _, err := c.MemberRemove(ctx, m.ID); err != nil {
			return "", fmt.Errorf("remove what never started: %w", err)
		}
	}
	added, err := c.MemberAdd(ctx, []string{self})
	if err != nil {
		return "", fmt.Errorf("add member: %w", err)
	}
	var members []string
	for _, m := range added.Members {
		name := m.Name
		if m.ID == added.Member.ID {
			name = s.name
		}
		members = append(members, name+"="+m.PeerURLs[0])
	}
	return strings.Join(members, ","), nil
}
