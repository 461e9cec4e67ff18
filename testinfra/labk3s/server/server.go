package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/agent"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/control"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/node"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/supervisor"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

// ErrBackend is returned for an overlay that the stand-in was not taught.
var ErrBackend = errors.New("the lab's overlay is vxlan, flannel-backend asks for another")

// Parts are what runs beside the control plane. Each is left out when nil.
type Parts struct {
	Node    func(context.Context, node.Config) error
	Helm    func(ctx context.Context, admin *rest.Config, chartsDir string) error
	Deploy  func(ctx context.Context, admin *rest.Config, manifestsDir string) error
	Issuer  func(ctx context.Context, admin *rest.Config, caDir string) error
	Stage   func(staticDir, manifestsDir string, disabled []string) error
	Ready   func() // told when the API answers
	Out     io.Writer
	Version string
}

// Server is one server as it runs.
type Server struct {
	config config.Config
	parts  Parts
	dir    string // DIR/server
	name   string
	ip     string
	plane  control.Plane
	cas    *pki.Cluster
	tokens tokens
}

// Run starts a server and runs it until ctx ends or one of its parts does.
func Run(ctx context.Context, c config.Config, p Parts) error {
	if c.FlannelBackend != "vxlan" {
		return fmt.Errorf("%w: %s", ErrBackend, c.FlannelBackend)
	}
	name, ip, err := agent.Identity(c)
	if err != nil {
		return err
	}
	s := &Server{config: c, parts: p, dir: filepath.Join(c.DataDir, "server"), name: name, ip: ip}
	logrus.Infof("Starting k3s %s (the lab's stand-in)", p.Version)
	advertise := ip
	if c.AdvertiseAddress != "" {
		advertise = c.AdvertiseAddress
	}
	emulated, err := config.Emulated()
	if err != nil {
		return err
	}
	s.plane = control.Plane{
		Config: c, Dir: s.dir, Advertise: advertise,
		Members: c.ClusterInit || c.Server != "", Emulated: emulated, Contained: config.Contained(),
	}
	debug.SetGCPercent(s.plane.GOGC())
	members, err := s.prepare(ctx)
	if err != nil {
		return fmt.Errorf("preparing server: %w", err)
	}
	etcd, err := s.plane.StartEtcd(ctx, members)
	if err != nil {
		return err
	}
	defer etcd.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		select {
		case err := <-etcd.Err():
			return fmt.Errorf("etcd: %w", err)
		case <-ctx.Done():
			return nil
		}
	})
	group.Go(func() error {
		return control.Process{Name: "kube-apiserver", Args: s.plane.APIServer(), Limit: "700MiB", GOGC: s.plane.GOGC(), Out: p.Out}.Run(ctx)
	})
	group.Go(func() error { return s.supervise(ctx) })
	group.Go(func() error { return s.afterReady(ctx, group) })
	return group.Wait()
}

// prepare makes every file that the parts need, and says how etcd runs.
func (s *Server) prepare(ctx context.Context) (control.Etcd, error) {
	// What is below is for root alone; the node part's processes are not root
	// and pass through here.
	if err := os.MkdirAll(s.config.DataDir, 0o755); err != nil {
		return control.Etcd{}, fmt.Errorf("make folder: %w", err)
	}
	for _, d := range []string{"tls/temporary-certs", "cred", "db", "manifests", "static/charts", "logs"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o700); err != nil {
			return control.Etcd{}, fmt.Errorf("make folder: %w", err)
		}
	}
	member, err := s.member(ctx)
	if err != nil {
		return member, err
	}
	if s.cas, err = pki.Open(filepath.Join(s.dir, "tls")); err != nil {
		return member, err
	}
	names, err := s.names()
	if err != nil {
		return member, err
	}
	if err := s.cas.Keep(names); err != nil {
		return member, err
	}
	if s.tokens, err = keepTokens(s.dir, s.config, s.cas.Server.PEM); err != nil {
		return member, err
	}
	if err := s.plane.KeepEncryption(); err != nil {
		return member, err
	}
	if s.parts.Stage != nil {
		if err := s.parts.Stage(s.static(), s.manifests(), s.config.Disable); err != nil {
			return member, err
		}
	}
	return member, s.plane.Kubeconfigs()
}

func (s *Server) static() string { return filepath.Join(s.dir, "static") }

func (s *Server) manifests() string { return filepath.Join(s.dir, "manifests") }

// names are all under which this server is reached.
func (s *Server) names() (pki.Names, error) {
	services, err := netip.ParsePrefix(s.config.ServiceCIDR)
	if err != nil {
		return pki.Names{}, fmt.Errorf("service-cidr: %w", err)
	}
	domain := s.config.ClusterDomain
	n := pki.Names{
		DNS: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + domain, "localhost", s.name},
		IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, services.Masked().Addr().Next().AsSlice()},
	}
	for _, san := range append([]string{s.ip, s.plane.Advertise}, s.config.TLSSAN...) {
		ip := net.ParseIP(san)
		switch {
		case ip == nil && !slices.Contains(n.DNS, san):
			n.DNS = append(n.DNS, san)
		case ip != nil && !slices.ContainsFunc(n.IPs, ip.Equal):
			n.IPs = append(n.IPs, ip)
		}
	}
	return n, nil
}

// admin is the configuration of K3s' own controllers.
func (s *Server) admin() (*rest.Config, error) {
	c, err := clientcmd.BuildConfigFromFlags("", filepath.Join(s.dir, "cred", "supervisor.kubeconfig"))
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	c.QPS, c.Burst = 50, 100
	return c, nil
}

// supervise answers on 6443.
func (s *Server) supervise(ctx context.Context) error {
	admin, err := s.admin()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	h, err := (&supervisor.Supervisor{
		CAs: s.cas, Server: s.tokens.server, Agent: s.tokens.agent,
		Settings: supervisor.Settings{
			ClusterCIDR: s.config.ClusterCIDR, ServiceCIDR: s.config.ServiceCIDR, ClusterDNS: s.config.ClusterDNS,
			ClusterDomain: s.config.ClusterDomain, FlannelBackend: s.config.FlannelBackend,
		},
		Static:     s.static(),
		Passwords:  supervisor.Secrets{Client: client.CoreV1().Secrets("kube-system")},
		Bootstrap:  s.shared,
		APIServers: func(ctx context.Context) ([]string, error) { return apiServers(ctx, client) },
		APIServer:  fmt.Sprintf("https://127.0.0.1:%d", control.APIPort),
	}).Handler()
	if err != nil {
		return err
	}
	address := net.JoinHostPort(s.config.BindAddress, strconv.Itoa(s.config.HTTPSPort))
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("start supervisor: %w", err)
	}
	return supervisor.Listener{
		CAs:        s.cas,
		MinVersion: control.Value(s.config.APIServerArgs, "tls-min-version"),
		Ciphers:    control.Value(s.config.APIServerArgs, "tls-cipher-suites"),
	}.Serve(ctx, l, h)
}

// afterReady starts what needs the API.
func (s *Server) afterReady(ctx context.Context, group *errgroup.Group) error {
	if err := s.waitForAPI(ctx); err != nil {
		return err
	}
	mode, err := strconv.ParseUint(s.config.WriteKubeconfigMode, 8, 32)
	if err != nil {
		return fmt.Errorf("write-kubeconfig-mode: %w", err)
	}
	if err := s.plane.WriteAdmin(os.FileMode(mode)); err != nil {
		return err
	}
	logrus.Infof("Wrote kubeconfig %s", s.config.WriteKubeconfig)
	logrus.Info("k3s is up and running")
	s.parts.Ready()
	admin, err := s.admin()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	if err := release(ctx, client); err != nil {
		return err
	}
	group.Go(func() error {
		return control.Process{Name: "kube-controller-manager", Args: s.plane.ControllerManager(), Limit: "200MiB", GOGC: s.plane.GOGC(), Out: s.parts.Out}.Run(ctx)
	})
	if !s.config.DisableScheduler {
		group.Go(func() error {
			return control.Process{Name: "kube-scheduler", Args: s.plane.Scheduler(), Limit: "150MiB", GOGC: s.plane.GOGC(), Out: s.parts.Out}.Run(ctx)
		})
	}
	s.startParts(ctx, group, admin, client)
	s.startNode(ctx, group)
	return nil
}

func (s *Server) startParts(ctx context.Context, group *errgroup.Group, admin *rest.Config, client kubernetes.Interface) {
	var led []func(context.Context) error
	charts := filepath.Join(s.static(), "charts")
	for _, p := range []struct {
		run   func(context.Context, *rest.Config, string) error
		dir   string
		alone bool // on one server only
	}{
		{s.parts.Helm, charts, true},
		{s.parts.Deploy, s.manifests(), false},
		{s.parts.Issuer, filepath.Join(s.dir, "issuer"), true},
	} {
		run := func(ctx context.Context) error { return p.run(ctx, rest.CopyConfig(admin), p.dir) }
		switch {
		case p.run == nil || p.dir == charts && s.config.DisableHelm:
		case p.alone && s.plane.Members:
			led = append(led, run)
		default:
			group.Go(func() error { return run(ctx) })
		}
	}
	if len(led) > 0 {
		group.Go(func() error { return lead(ctx, client.CoordinationV1(), s.name, together(led)) })
	}
}

// startNode makes this server a node of its own cluster.
func (s *Server) startNode(ctx context.Context, group *errgroup.Group) {
	if s.parts.Node == nil || s.config.DisableAgent {
		return
	}
	c := s.config
	c.Token = token.Full(s.cas.Server.PEM, "node", s.tokens.agent)
	c.LBPort = control.APIPort // on a server the API itself is there
	o := agent.Options{
		Config: c, URL: fmt.Sprintf("https://127.0.0.1:%d", c.HTTPSPort), Server: true,
		Version: s.parts.Version, Run: s.parts.Node, Ready: func() {},
	}
	group.Go(func() error { return o.Node(ctx, nil) })
}

// together runs several until the first of them fails.
func together(runs []func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for _, run := range runs {
			group.Go(func() error { return run(ctx) })
		}
		return group.Wait()
	}
}

// waitForAPI waits until kube-apiserver calls itself ready.
func (s *Server) waitForAPI(ctx context.Context) error {
	base := filepath.Join(s.cas.Dir, "client-supervisor")
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: s.cas.Server.Pool(), Certificates: []tls.Certificate{cert},
	}}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/readyz", control.APIPort), nil)
		if err != nil {
			return fmt.Errorf("ask whether the API is ready: %w", err)
		}
		if resp, err := client.Do(r); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
