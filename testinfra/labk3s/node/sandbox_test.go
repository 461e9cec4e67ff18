package node

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite golden files")

// traefikPod is what the chart makes, shortened.
const traefikPod = `
metadata: {name: traefik-x, namespace: kube-system, uid: 1-2-3}
spec:
  nodeName: edge-1
  hostNetwork: true
  securityContext: {runAsUser: 65532, runAsGroup: 65532, runAsNonRoot: true, fsGroup: 65000, supplementalGroups: [1]}
  containers:
  - name: traefik
    image: tool:1.0
    args: ["--entryPoints.web.address=:80/tcp", "--name=$(POD_NAME)", "--left=$(NOTHING)", "--literal=$$(POD_NAME)"]
    env:
    - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: BOTH, value: $(POD_NAMESPACE)/$(POD_NAME)}
    - {name: TOKEN, valueFrom: {secretKeyRef: {name: s, key: token}}}
    - {name: MAYBE, valueFrom: {configMapKeyRef: {name: absent, key: x, optional: true}}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: tmp, mountPath: /tmp}, {name: conf, mountPath: /conf/a.yml, subPath: a.yml, readOnly: true}]
  volumes: [{name: tmp, emptyDir: {}}, {name: conf, configMap: {name: c}}]
`

func podOf(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func testNode() *node {
	kube := fake.NewClientset(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "s"}, Data: map[string][]byte{"token": []byte("t0")}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "c"}, Data: map[string]string{"a.yml": "a"}},
	)
	return &node{Config: Config{Name: "edge-1", IP: "10.77.0.11"}, kube: kube, network: &network{}}
}

func testImage() image {
	return image{ID: "sha256:abc", Root: "/store/abc/rootfs", Entrypoint: []string{"traefik"}, Cmd: []string{"unused"}, Env: []string{"PATH=/usr/local/bin"}, WorkingDir: "/"}
}

func TestAPodBecomesAProcess(t *testing.T) {
	t.Parallel()
	n, pod, img := testNode(), podOf(t, traefikPod), testImage()
	c := &pod.Spec.Containers[0]
	variables, err := n.variables(t.Context(), pod, c, img)
	if err != nil {
		t.Fatal(err)
	}
	s, err := translation{pod, c, img, variables, map[string]string{"tmp": "/v/tmp", "conf": "/v/conf"}, "/scratch", "/etc-of-pod"}.sandbox()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "traefik.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("got:\n%s", got)
	}
}

func TestPodsThatCannotRun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ from, to, want string }{
		"root in spite of itself": {"runAsUser: 65532, ", "runAsUser: 0, ", "will run as root"},
		"a key that is not there": {"{name: s, key: token}", "{name: s, key: other}", "couldn't find key other"},
		"an unknown field":        {"fieldPath: spec.nodeName", "fieldPath: status.phase", "does not know the field"},
		"a volume that is not":    {"{name: tmp, mountPath", "{name: none, mountPath", `no volume "none"`},
		"a sub path outside":      {"subPath: a.yml", "subPath: ../a", "subPath"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(traefikPod, tt.from, tt.to, 1)
			n, pod, img := testNode(), podOf(t, text), testImage()
			if text == traefikPod {
				t.Fatal("the fault is not in the pod")
			}
			c := &pod.Spec.Containers[0]
			variables, err := n.variables(t.Context(), pod, c, img)
			if err == nil {
				_, err = translation{pod, c, img, variables, map[string]string{"tmp": "/v/tmp", "conf": "/v/conf"}, "/scratch", "/etc-of-pod"}.sandbox()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	if err := unsupported(podOf(t, traefikPod)); err != nil {
		t.Fatal(err)
	}
	for name, pod := range map[string]string{
		"init container":  "spec: {hostNetwork: true, initContainers: [{name: a}]}",
		"exec probe":      "spec: {hostNetwork: true, containers: [{name: a, livenessProbe: {exec: {command: [x]}}}]}",
		"a hook":          "spec: {hostNetwork: true, containers: [{name: a, lifecycle: {preStop: {exec: {command: [x]}}}}]}",
		"the host's PIDs": "spec: {hostNetwork: true, hostPID: true}",
	} {
		if unsupported(podOf(t, pod)) == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{}": strings.Join(defaultCapabilities(), ","),
		"{capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}": "NET_BIND_SERVICE",
		"{capabilities: {drop: [CAP_CHOWN, NET_RAW]}}":           "AUDIT_WRITE,DAC_OVERRIDE,FOWNER,FSETID,KILL,MKNOD,NET_BIND_SERVICE,SETFCAP,SETGID,SETPCAP,SETUID,SYS_CHROOT",
	} {
		pod := podOf(t, "spec: {containers: [{name: a, securityContext: "+text+"}]}")
		var s sandbox
		translation{pod: pod, container: &pod.Spec.Containers[0]}.limits(&s)
		if got := strings.Join(s.Bounding, ","); got != want || s.NoNewPrivs || s.ReadOnly {
			t.Errorf("%s: %s", text, got)
		}
	}
}
