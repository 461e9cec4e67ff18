package node

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// machine is a node whose API is in memory, and which can be stopped and
// started like k3s.
type machine struct {
	node *node
	kube *fake.Clientset
	dir  string
	stop func()
}

func (m *machine) start(t *testing.T) {
	t.Helper()
	n := &node{Config: Config{Name: "edge-1", IP: "127.0.0.1"}, kube: m.kube, registered: make(chan struct{}), images: newImages("", "")}
	n.ServiceCIDR, n.network = "10.43.0.0/16", &network{dir: filepath.Join(m.dir, "addresses")}
	n.images.byName["tool:1.0"] = image{ID: "sha256:abc", Root: filepath.Join(m.dir, "root"), Env: []string{"PATH=/usr/bin:/bin"}}
	n.pods = newPods(n, places{filepath.Join(m.dir, "state"), filepath.Join(m.dir, "volumes"), filepath.Join(m.dir, "logs")})
	close(n.registered)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.runPods(ctx)
	}()
	m.node, m.stop = n, sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(m.stop)
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("containers need root")
	}
	m := &machine{kube: fake.NewClientset(), dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(m.dir, "root"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.start(t)
	t.Cleanup(func() { // what k3s leaves running
		m.stop()
		state, _ := m.node.pods.load("u1")
		for _, c := range state {
			if p, ok := adopt(c.PID, c.Start); ok {
				p.stop(0)
			}
		}
	})
	return m
}

// bound makes a pod on this machine's own programs.
func (m *machine) bound(t *testing.T, script, more string) {
	t.Helper()
	m.boundAs(t, script, more, true)
}

func (m *machine) boundAs(t *testing.T, script, more string, hostNetwork bool) {
	t.Helper()
	text := `
metadata: {name: p, namespace: default, uid: u1}
spec:
  nodeName: edge-1
  hostNetwork: true
  restartPolicy: Always
  containers:
  - name: c
    image: tool:1.0
    command: [sh, -c]
    args: ["` + script + `"]
    volumeMounts: [{name: usr, mountPath: /usr}, {name: bin, mountPath: /bin}, {name: lib, mountPath: /lib}, {name: lib64, mountPath: /lib64}]
` + more + `
  volumes: [{name: usr, hostPath: {path: /usr}}, {name: bin, hostPath: {path: /bin}}, {name: lib, hostPath: {path: /lib}}, {name: lib64, hostPath: {path: /lib64}}]
`
	pod := podOf(t, text)
	pod.Spec.HostNetwork = hostNetwork
	if _, err := m.kube.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// until waits for the pod's first container to be so.
func (m *machine) until(t *testing.T, what string, so func(*corev1.Pod, corev1.ContainerStatus) bool) corev1.ContainerStatus {
	t.Helper()
	var last *corev1.Pod
	for range 3000 {
		pod, err := m.kube.CoreV1().Pods("default").Get(t.Context(), "p", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		last = pod
		if all := pod.Status.ContainerStatuses; len(all) > 0 && so(pod, all[0]) {
			return all[0]
		}
		if sleep(t.Context(), 5*time.Millisecond) != nil {
			break
		}
	}
	t.Fatalf("not so in the end: %s: %+v", what, last.Status)
	return corev1.ContainerStatus{}
}

func TestAPodOutlivesK3s(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.bound(t, "echo up; exec sleep 1000", "")
	running := func(pod *corev1.Pod, s corev1.ContainerStatus) bool {
		return s.State.Running != nil && s.Ready && pod.Status.Phase == corev1.PodRunning && pod.Status.HostIP == "127.0.0.1"
	}
	first := m.until(t, "running", running)
	file, ok := m.node.pods.logOf("default", "p", "c", false)
	for ok && lastLine(file) != "up" {
		ok = sleep(t.Context(), 5*time.Millisecond) == nil
	}
	if !ok {
		t.Fatalf("log %s", file)
	}
	m.stop()
	m.start(t)
	for len(m.node.pods.list()) == 0 { // it has looked at the pod again
		if err := sleep(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	second := m.until(t, "running again", running)
	if first.ContainerID != second.ContainerID || second.RestartCount != 0 {
		t.Errorf("before %+v\nafter %+v", first, second)
	}
	if err := m.kube.CoreV1().Pods("default").Delete(t.Context(), "p", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for {
		if left, _ := os.ReadDir(filepath.Join(m.dir, "state")); len(left) == 0 {
			break
		}
		if err := sleep(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal("a deleted pod leaves its state")
		}
	}
}

func TestACrashLoopSaysWhy(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.bound(t, "printf '\\\\033[31mbind: permission denied\\\\033[0m'; exit 1", "")
	s := m.until(t, "backing off", func(_ *corev1.Pod, s corev1.ContainerStatus) bool {
		return s.State.Waiting != nil && s.State.Waiting.Reason == "CrashLoopBackOff"
	})
	last := s.LastTerminationState.Terminated
	if s.RestartCount != 1 || s.Ready || last == nil || last.ExitCode != 1 || last.Message != "bind: permission denied" {
		t.Errorf("%+v", s)
	}
}

func TestAProbeDecidesReady(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.bound(t, "exec sleep 1000", "    readinessProbe: {periodSeconds: 1, httpGet: {host: 127.0.0.1, port: 1, path: /ping}}")
	m.until(t, "running and not ready", func(pod *corev1.Pod, s corev1.ContainerStatus) bool {
		return s.State.Running != nil && !s.Ready && pod.Status.Phase == corev1.PodRunning
	})
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ pod, reason, message string }{
		"an image that is not there": {"spec: {hostNetwork: true, containers: [{name: c, image: other:1}]}", "ErrImagePull", "the lab has no registry"},
		"a pull that must be":        {"spec: {hostNetwork: true, containers: [{name: c, image: tool:1.0, imagePullPolicy: Always}]}", "ErrImagePull", "the lab has no registry"},
		"a pull that must not be":    {"spec: {hostNetwork: true, containers: [{name: c, image: other:1, imagePullPolicy: Never}]}", "ErrImageNeverPull", "pull policy of Never"},
		"no network yet":             {"spec: {containers: [{name: c, image: tool:1.0}]}", "ContainerCreating", "no pod network yet"},
		"an unknown volume":          {"spec: {hostNetwork: true, containers: [{name: c, image: tool:1.0}], volumes: [{name: v, nfs: {server: a, path: b}}]}", "ContainerCreating", "does not know this kind of volume"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			pod := podOf(t, tt.pod)
			pod.Name, pod.Namespace, pod.UID, pod.Spec.NodeName = "p", "default", "u1", "edge-1"
			if _, err := m.kube.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			m.until(t, tt.reason, func(pod *corev1.Pod, s corev1.ContainerStatus) bool {
				w := s.State.Waiting
				return w != nil && w.Reason == tt.reason && strings.Contains(w.Message, tt.message) && pod.Status.Phase == corev1.PodPending
			})
		})
	}
}
