package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/node"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/supervisor"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

// The reasons for which an agent does not even start.
var (
	ErrNoToken  = errors.New("--token is required")
	ErrNoURL    = errors.New("--server is required")
	ErrNotHTTPS = errors.New("only https:// URLs are supported, invalid scheme")
	ErrNoIP     = errors.New("no address found for this node, name one with node-ip")
)

// Options say how this node joins.
type Options struct {
	Config  config.Config
	URL     string // the supervisor, as this node reaches it
	Server  bool   // the node of a server
	Version string
	Run     func(context.Context, node.Config) error
	Ready   func()
}

// Run joins a cluster through the load balancer and runs the node part.
func Run(ctx context.Context, o Options) error {
	switch {
	case o.Config.Token == "":
		return ErrNoToken
	case o.Config.Server == "":
		return ErrNoURL
	}
	first, err := url.Parse(o.Config.Server)
	if err != nil {
		return fmt.Errorf("parse server: %w", err)
	}
	if first.Scheme != "https" {
		return fmt.Errorf("%w: %s", ErrNotHTTPS, o.Config.Server)
	}
	address := fmt.Sprintf("127.0.0.1:%d", o.Config.LBPort)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("start load balancer: %w", err)
	}
	b := NewBalancer(hostPort(first), filepath.Join(o.Config.DataDir, "agent", "etc", "k3s-agent-load-balancer.json"))
	o.URL = "https://" + address
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.Serve(ctx, l) })
	group.Go(func() error { return o.Node(ctx, b.Learn) })
	return group.Wait()
}

func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return u.Host
}

// Node joins the supervisor at o.URL and runs the node part until ctx ends.
// learn, if there is one, is told the addresses of the servers.
func (o Options) Node(ctx context.Context, learn func([]string) error) error {
	j, err := o.join()
	if err != nil {
		return err
	}
	dir := filepath.Join(o.Config.DataDir, "agent")
	var settings supervisor.Settings
	if j.Token.Hash == "" {
		logrus.Warn("Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. " +
			"Use the full token from the server's node-token file to enable Cluster CA validation.")
	}
	if err := insist(ctx, j.Trust, func(err error) {
		logrus.Errorf("Failed to validate connection to cluster at %s: %v", o.Config.Server, err)
	}); err != nil {
		return err
	}
	fetch := func(ctx context.Context) (err error) {
		if settings, err = j.Settings(ctx); err != nil {
			return err
		}
		return j.Fetch(ctx, dir)
	}
	if err := insist(ctx, fetch, func(err error) {
		logrus.Infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
	}); err != nil {
		return err
	}
	if learn != nil {
		if err := learnServers(ctx, j, learn); err != nil {
			return err
		}
	}
	n, err := o.forNode(j, settings, dir)
	if err != nil {
		return err
	}
	return o.Run(ctx, n)
}

// learnServers asks which servers there are. One that cannot say leaves the
// balancer with those that it has.
func learnServers(ctx context.Context, j *Join, learn func([]string) error) error {
	servers, err := j.APIServers(ctx)
	if err != nil {
		logrus.Infof("Failed to retrieve list of apiservers from server: %v", err)
		return nil
	}
	return learn(servers)
}

func (o Options) join() (*Join, error) {
	t, err := token.Parse(o.Config.Token)
	if err != nil {
		return nil, err
	}
	name, ip, err := Identity(o.Config)
	if err != nil {
		return nil, err
	}
	password, err := EnsurePassword(PasswordFile)
	if err != nil {
		return nil, err
	}
	return &Join{URL: o.URL, Token: t, User: "node", Name: name, IP: ip, Password: password}, nil
}

// insist tries until it works or ctx ends, and says each time why not. K3s'
// agents never give up.
func insist(ctx context.Context, try func(context.Context) error, log func(error)) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		log(err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("join: %w", context.Cause(ctx))
		case <-time.After(2*time.Second + rand.N(time.Second)):
		}
	}
}

// Identity is the node's name and address: those of the settings, or the host's.
func Identity(c config.Config) (name, ip string, err error) {
	name = c.NodeName
	if name == "" {
		if name, err = os.Hostname(); err != nil {
			return "", "", fmt.Errorf("find this node's name: %w", err)
		}
	}
	if len(c.NodeIP) > 0 {
		return strings.ToLower(name), c.NodeIP[0], nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", "", fmt.Errorf("find this node's address: %w", err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return strings.ToLower(name), n.IP.String(), nil
		}
	}
	return "", "", ErrNoIP
}

// node puts together what the node part is given.
func (o Options) forNode(j *Join, s supervisor.Settings, dir string) (node.Config, error) {
	in := func(name string) string { return filepath.Join(dir, name) }
	identity := func(kubeconfig, cert string) (*rest.Config, error) {
		return restConfig(fmt.Sprintf("https://127.0.0.1:%d", o.Config.LBPort), in(kubeconfig), in(cert), in("server-ca.crt"))
	}
	kubelet, err := identity("kubelet.kubeconfig", "client-kubelet")
	if err != nil {
		return node.Config{}, err
	}
	proxy, err := identity("kubeproxy.kubeconfig", "client-kube-proxy")
	if err != nil {
		return node.Config{}, err
	}
	if _, err := identity("k3scontroller.kubeconfig", "client-k3s-controller"); err != nil {
		return node.Config{}, err
	}
	emulated, err := config.Emulated()
	if err != nil {
		return node.Config{}, err
	}
	return node.Config{
		Name: j.Name, IP: j.IP, Rest: kubelet, Proxy: proxy,
		ServingCert: in("serving-kubelet.crt"), ServingKey: in("serving-kubelet.key"), ClientCA: in("client-ca.crt"),
		DataDir: o.Config.DataDir, ClusterCIDR: s.ClusterCIDR, ServiceCIDR: s.ServiceCIDR,
		ClusterDNS: s.ClusterDNS, ClusterDomain: s.ClusterDomain, FlannelIface: o.Config.FlannelIface,
		Labels: o.Config.NodeLabels, Taints: o.Config.NodeTaints, KubeletArgs: o.Config.KubeletArgs, Args: o.Config.Given,
		ProtectKernelDefaults: o.Config.ProtectKernelDefaults, Server: o.Server, Version: o.Version, Emulated: emulated, Ready: o.Ready,
	}, nil
}
