package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// Flannel's annotations on a Node: how the others reach its pods.
const (
	annotationIP      = "flannel.alpha.coreos.com/public-ip"
	annotationBackend = "flannel.alpha.coreos.com/backend-type"
	annotationData    = "flannel.alpha.coreos.com/backend-data"
	annotationManager = "flannel.alpha.coreos.com/kube-subnet-manager"
)

// peer is another node as the overlay knows it.
type peer struct {
	node   string
	public net.IP           // where its packets are sent
	mac    net.HardwareAddr // of its flannel.1
	pods   *net.IPNet
}

// backendData is flannel's own JSON.
type backendData struct {
	VNI     int
	VtepMAC string
}

// overlay joins the pod networks of all nodes by vxlan, in flannel's form.
func (n *node) overlay(ctx context.Context) error {
	if err := await(ctx, n.registered); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	factory := informers.NewSharedInformerFactory(n.watcher, 0)
	nodes := factory.Core().V1().Nodes()
	own := informers.NewSharedInformerFactoryWithOptions(n.watcher, 0, informers.WithNamespace(metav1.NamespaceDefault))
	servers := own.Discovery().V1().EndpointSlices()
	poke := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: poke, DeleteFunc: poke, UpdateFunc: func(_, now any) { poke(now) }}
	for _, informer := range []cache.SharedIndexInformer{nodes.Informer(), servers.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watch the nodes and the API's addresses: %w", err)
		}
	}
	factory.Start(ctx.Done())
	own.Start(ctx.Done())
	var up *tunnel
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-time.After(heartbeat): // somebody may have taken a route away
		}
		all, err := nodes.Lister().List(labels.Everything())
		if err != nil {
			return fmt.Errorf("list the nodes: %w", err)
		}
		published, err := servers.Lister().List(labels.Everything())
		if err != nil {
			return fmt.Errorf("list the API's addresses: %w", err)
		}
		up = n.weaveOrRetry(ctx, up, world{all, published}, poke)
	}
}

// world is what the API says of the other nodes and of its own place.
type world struct {
	nodes   []*corev1.Node
	servers []*discoveryv1.EndpointSlice
}

func (n *node) weaveOrRetry(ctx context.Context, up *tunnel, all world, poke func(any)) *tunnel {
	up, err := n.weave(ctx, up, all)
	if err != nil && ctx.Err() == nil {
		logrus.Errorf("overlay: %v", err)
		time.AfterFunc(time.Second, func() { poke(nil) })
	}
	return up
}

// weave makes the node's own devices once it has a pod network, tells the
// others of them, and programs the way to each other node.
func (n *node) weave(ctx context.Context, up *tunnel, all world) (*tunnel, error) {
	own := find(all.nodes, n.Name)
	if own == nil || own.Spec.PodCIDR == "" {
		return up, nil
	}
	if up == nil {
		_, pods, err := net.ParseCIDR(own.Spec.PodCIDR)
		if err != nil {
			return nil, fmt.Errorf("the node's pod network: %w", err)
		}
		if up, err = raise(n.FlannelIface, net.ParseIP(n.IP), pods); err != nil {
			return nil, err
		}
		logrus.Infof("overlay: %s and %s are up for %s", bridgeName, vxlanName, pods)
		forward()
	}
	if err := n.announce(ctx, own, up); err != nil {
		return up, err
	}
	if err := n.openPods(ctx, up, own.Spec.PodCIDR, all.servers); err != nil {
		return up, err
	}
	select {
	case <-n.networked:
	default:
		close(n.networked)
	}
	var peers []peer
	for _, o := range all.nodes {
		if o.Name == n.Name {
			continue
		}
		if p, ok := peerOf(o); ok {
			peers = append(peers, p)
		}
	}
	return up, up.program(peers)
}

func find(all []*corev1.Node, name string) *corev1.Node {
	for _, o := range all {
		if o.Name == name {
			return o
		}
	}
	return nil
}

// forward lets the kernel pass packets on, as K3s does at its start.
func forward() {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		logrus.Warnf("overlay: %v", err)
	}
}

// announce writes flannel's annotations.
func (n *node) announce(ctx context.Context, own *corev1.Node, up *tunnel) error {
	data, err := json.Marshal(backendData{VNI: vxlanID, VtepMAC: up.mac.String()})
	if err != nil {
		return fmt.Errorf("write flannel's data: %w", err)
	}
	want := map[string]string{annotationIP: n.IP, annotationBackend: "vxlan", annotationData: string(data), annotationManager: "true"}
	same := true
	for key, value := range want {
		same = same && own.Annotations[key] == value
	}
	if same {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": want}})
	if err != nil {
		return fmt.Errorf("write the annotations: %w", err)
	}
	_, err = n.kube.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("announce the node's tunnel: %w", err)
	}
	return nil
}

// peerOf reads what a node has announced, which is nothing at first.
func peerOf(o *corev1.Node) (peer, bool) {
	var data backendData
	if json.Unmarshal([]byte(o.Annotations[annotationData]), &data) != nil || data.VNI != vxlanID {
		return peer{}, false
	}
	mac, err := net.ParseMAC(data.VtepMAC)
	if err != nil {
		return peer{}, false
	}
	_, pods, err := net.ParseCIDR(o.Spec.PodCIDR)
	public := net.ParseIP(o.Annotations[annotationIP])
	if err != nil || public == nil || o.Annotations[annotationBackend] != "vxlan" {
		return peer{}, false
	}
	return peer{o.Name, public, mac, pods}, true
}
