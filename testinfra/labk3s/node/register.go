package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	leaseNamespace = "kube-node-lease"
	leaseSeconds   = 40
	heartbeat      = 10 * time.Second
)

// register makes the Node object and keeps telling that the node is alive.
func (n *node) register(ctx context.Context) error {
	object, err := n.object()
	if err != nil {
		return err
	}
	for n.create(ctx, object) != nil {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	close(n.registered)
	if n.Ready != nil {
		n.Ready()
	}
	networked := n.networked
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		if err := n.beat(ctx); err != nil && ctx.Err() == nil {
			logrus.Warnf("node: heartbeat: %v", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-networked:
			networked = nil // told once, at once
		case <-tick.C:
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func await(ctx context.Context, what <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-what:
		return nil
	}
}

func (n *node) create(ctx context.Context, object *corev1.Node) error {
	_, err := n.kube.CoreV1().Nodes().Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{"labels": object.Labels, "annotations": object.Annotations}})
		_, err = n.kube.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil && ctx.Err() == nil {
		logrus.Warnf("node: register: %v", err)
	}
	return err
}

// object is the Node as it registers. The labels node-role.kubernetes.io are
// not for a node to give itself: a server gives them, see roles.
func (n *node) object() (*corev1.Node, error) {
	taints, err := parseTaints(n.Taints)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{
		"kubernetes.io/hostname": n.Name, "kubernetes.io/os": runtime.GOOS, "kubernetes.io/arch": runtime.GOARCH,
		"beta.kubernetes.io/os": runtime.GOOS, "beta.kubernetes.io/arch": runtime.GOARCH,
		"node.kubernetes.io/instance-type": "k3s", "beta.kubernetes.io/instance-type": "k3s",
	}
	for _, l := range n.Labels {
		key, value, _ := strings.Cut(l, "=")
		labels[key] = value
	}
	args, err := json.Marshal(n.Args)
	if err != nil {
		return nil, fmt.Errorf("tell the command line: %w", err)
	}
	status, err := n.status()
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: labels, Annotations: map[string]string{"k3s.io/internal-ip": n.IP, "k3s.io/hostname": n.Name, "k3s.io/node-args": string(args)}},
		Spec:       corev1.NodeSpec{Taints: taints, ProviderID: "k3s://" + n.Name},
		Status:     status,
	}, err
}

func parseTaints(in []string) ([]corev1.Taint, error) {
	var out []corev1.Taint
	for _, t := range in {
		at := strings.LastIndexByte(t, ':')
		if at < 0 {
			return nil, fmt.Errorf("taint %q is not key=value:Effect", t)
		}
		key, value, _ := strings.Cut(t[:at], "=")
		out = append(out, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(t[at+1:])})
	}
	return out, nil
}

func (n *node) status() (corev1.NodeStatus, error) {
	var info unix.Sysinfo_t
	var names unix.Utsname
	if err := unix.Sysinfo(&info); err != nil {
		return corev1.NodeStatus{}, fmt.Errorf("measure the machine: %w", err)
	}
	if err := unix.Uname(&names); err != nil {
		return corev1.NodeStatus{}, fmt.Errorf("ask the kernel's name: %w", err)
	}
	have := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(int64(info.Totalram)*int64(info.Unit), resource.BinarySI),
		corev1.ResourcePods:   *resource.NewQuantity(110, resource.DecimalSI),
	}
	machine, _ := os.ReadFile("/etc/machine-id")
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return corev1.NodeStatus{
		Capacity: have, Allocatable: have,
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: n.IP}, {Type: corev1.NodeHostName, Address: n.Name}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: kubeletPort}},
		Conditions:      n.conditions(),
		NodeInfo: corev1.NodeSystemInfo{
			KubeletVersion: n.Version, KubeProxyVersion: "", ContainerRuntimeVersion: "lab://processes",
			KernelVersion: unix.ByteSliceToString(names.Release[:]), OSImage: osImage("/etc/os-release"),
			OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
			MachineID: strings.TrimSpace(string(machine)), SystemUUID: strings.TrimSpace(string(machine)), BootID: strings.TrimSpace(string(boot)),
		},
	}, nil
}

func osImage(file string) string {
	content, _ := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	return "unknown"
}

// conditions are the kubelet's, and flannel's once the overlay is up.
func (n *node) conditions() []corev1.NodeCondition {
	now := metav1.Now()
	condition := func(t corev1.NodeConditionType, s corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: t, Status: s, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	out := []corev1.NodeCondition{
		condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
	}
	select {
	case <-n.networked:
		return append(out,
			condition(corev1.NodeNetworkUnavailable, corev1.ConditionFalse, "FlannelIsUp", "Flannel is running on this node"),
			condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"))
	default:
		return append(out, condition(corev1.NodeReady, corev1.ConditionFalse, "KubeletNotReady",
			"container runtime network not ready: the node has no pod network yet"))
	}
}

// beat writes the status if it differs, and renews the lease.
func (n *node) beat(ctx context.Context) error {
	have, err := n.kube.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	status, err := n.status()
	if err != nil {
		return err
	}
	if kept := keepTransitions(have.Status.Conditions, status.Conditions); !sameStatus(have.Status, status) {
		status.Conditions = kept
		patch, err := json.Marshal(map[string]any{"status": status})
		if err != nil {
			return fmt.Errorf("write the status: %w", err)
		}
		if _, err := n.kube.CoreV1().Nodes().Patch(ctx, n.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
			return err
		}
	}
	return n.renew(ctx, have)
}

func keepTransitions(was, now []corev1.NodeCondition) []corev1.NodeCondition {
	out := slices.Clone(now)
	for i := range out {
		for _, w := range was {
			if w.Type == out[i].Type && w.Status == out[i].Status {
				out[i].LastTransitionTime = w.LastTransitionTime
			}
		}
	}
	return out
}

// statusEvery is how often a status is told anew that has not changed.
const statusEvery = 5 * time.Minute

func sameStatus(was, now corev1.NodeStatus) bool {
	for _, c := range now.Conditions {
		same := slices.ContainsFunc(was.Conditions, func(w corev1.NodeCondition) bool {
			return w.Type == c.Type && w.Status == c.Status && c.LastHeartbeatTime.Sub(w.LastHeartbeatTime.Time) < statusEvery
		})
		if !same {
			return false
		}
	}
	return was.NodeInfo == now.NodeInfo && slices.Equal(was.Addresses, now.Addresses)
}

func (n *node) renew(ctx context.Context, owner *corev1.Node) error {
	leases := n.kube.CoordinationV1().Leases(leaseNamespace)
	now, seconds := metav1.NowMicro(), int32(leaseSeconds)
	want := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Namespace: leaseNamespace,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: n.Name, UID: owner.UID}}},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &n.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}
	have, err := leases.Get(ctx, n.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	have.Spec = want.Spec
	_, err = leases.Update(ctx, have, metav1.UpdateOptions{})
	return err
}
