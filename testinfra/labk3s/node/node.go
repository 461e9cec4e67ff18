package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Config is what a node is told by its server or agent.
type Config struct {
	Name, IP                string
	Rest                    *rest.Config // system:node:NAME
	Proxy                   *rest.Config // system:kube-proxy: it may watch all nodes
	ServingCert, ServingKey string       // files, for 10250
	ClientCA                string       // file; who may ask on 10250
	DataDir                 string       // /var/lib/rancher/k3s
	ClusterCIDR             string
	ServiceCIDR             string
	ClusterDNS              string
	ClusterDomain           string
	FlannelIface            string   // "" for the interface that has IP
	Labels, Taints          []string // key=value, key=value:Effect
	KubeletArgs             []string // name=value
	Args                    []string // K3s' own command line, for the annotation
	ProtectKernelDefaults   bool
	Server                  bool
	Emulated                bool   // the processor is one in software
	Version                 string // v1.35.4+lab1
	Ready                   func() // called once when the Node object is there
}

// apiHost and apiPort are where pods on the host's network find the API: the
// load balancer of the node. The Service's address is translated for those
// alone that have a network of their own.
const (
	apiHost = "127.0.0.1"
	apiPort = "6444"
)

// Run is the node until ctx ends. The containers go on running.
func Run(ctx context.Context, c Config) error {
	kubelet, err := parseArgs(c.KubeletArgs)
	if err != nil {
		return err
	}
	if c.ProtectKernelDefaults {
		if err := checkKernel("/proc/sys"); err != nil {
			return err
		}
	}
	n, err := newNode(c)
	if err != nil {
		return err
	}
	n.kubelet = kubelet
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.serve(ctx) })
	group.Go(func() error { return n.register(ctx) })
	group.Go(func() error { return n.overlay(ctx) })
	group.Go(func() error { return n.roles(ctx) })
	group.Go(func() error { return n.runPods(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

type node struct {
	Config
	kube       kubernetes.Interface // as the node itself
	watcher    kubernetes.Interface // as kube-proxy
	kubelet    kubeletArgs
	images     *images
	pods       *pods
	network    *network
	registered chan struct{} // closed when the Node object is there
	networked  chan struct{} // closed when the overlay is up
}

func newNode(c Config) (*node, error) {
	own := rest.CopyConfig(c.Rest)
	own.QPS = -1
	kube, err := kubernetes.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("reach the API as the node: %w", err)
	}
	watcher, err := kubernetes.NewForConfig(c.Proxy)
	if err != nil {
		return nil, fmt.Errorf("reach the API as kube-proxy: %w", err)
	}
	agent := filepath.Join(c.DataDir, "agent")
	n := &node{
		Config: c, kube: kube, watcher: watcher,
		images:     newImages(filepath.Join(agent, "images"), filepath.Join(agent, "lab-images")),
		registered: make(chan struct{}), networked: make(chan struct{}),
		network: &network{dir: filepath.Join(agent, "lab-addresses")},
	}
	n.pods = newPods(n, places{
		state: filepath.Join(agent, "lab-pods"), volumes: "/var/lib/kubelet/pods", logs: "/var/log/pods",
	})
	logrus.Infof("node %s: the lab's runner stands in the place of kubelet, containerd and flannel", c.Name)
	return n, nil
}
