package node

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestAddressesAreGivenOutAndKept(t *testing.T) {
	t.Parallel()
	pods, all := netip.MustParsePrefix("10.42.3.0/29"), netip.MustParsePrefix("10.42.0.0/16")
	n := &network{dir: t.TempDir()}
	if _, err := n.attach("a"); !errors.Is(err, errNoNetwork) {
		t.Errorf("before there is a network: %v", err)
	}
	if err := n.open(pods, all, 1450); err != nil {
		t.Fatal(err)
	}
	for _, uid := range []types.UID{"a", "b", "c", "d", "e"} { // .2 to .6: .1 is the bridge's, .7 for broadcasts
		if _, err := n.take(uid); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.take("f"); !errors.Is(err, errFull) {
		t.Errorf("a sixth pod in five addresses: %v", err)
	}
	if err := os.Remove(filepath.Join(n.dir, "c")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "torn"), []byte("10.4"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := &network{dir: n.dir}
	if err := again.open(pods, all, 1450); err != nil {
		t.Fatal(err)
	}
	if a, err := again.take("f"); err != nil || a.String() != "10.42.3.4" || again.kept("f") != a || again.kept("a").String() != "10.42.3.2" {
		t.Errorf("after a restart %v, %v; a has %v", a, err, again.kept("a"))
	}
}

func published(conditions *bool, addresses ...string) *discoveryv1.EndpointSlice {
	port := int32(6443)
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: addresses, Conditions: discoveryv1.EndpointConditions{Ready: conditions}}},
		Ports:      []discoveryv1.EndpointPort{{Port: &port}},
	}
}

func TestTheTableOfTranslations(t *testing.T) {
	t.Parallel()
	no := false
	other := published(nil, "10.0.0.9")
	other.Labels = nil
	t0 := translations{pods: netip.MustParsePrefix("10.42.0.0/16"), service: netip.MustParseAddr("10.43.0.1")}
	for want, from := range map[string][]*discoveryv1.EndpointSlice{
		"dnat to 10.77.0.11:6443\n": {published(nil, "10.77.0.11"), other, published(&no, "10.77.0.12"), published(nil, "fd00::1")},
		"dnat to numgen inc mod 2 map { 0 : 10.77.0.11 . 6443, 1 : 10.77.0.12 . 6443 }\n": {published(nil, "10.77.0.12", "10.77.0.11")},
	} {
		t0.servers = serversOf(from)
		if got := t0.String(); !strings.Contains(got, "ip saddr 10.42.0.0/16 ip daddr 10.43.0.1 tcp dport 443 "+want) {
			t.Errorf("got:\n%s", got)
		}
	}
	t0.servers = nil
	if strings.Contains(t0.String(), "dnat") {
		t.Error("translates to nobody")
	}
	if a, err := apiService("10.43.0.0/16,fd43::/112"); err != nil || a.String() != "10.43.0.1" {
		t.Errorf("of two networks %v, %v", a, err)
	}
	if _, err := apiService("nonsense"); err == nil {
		t.Error("no network has no first address")
	}
}

const aloneVariable = "LAB_TEST_IS_ALONE"

// alone runs a test anew in namespaces of its own, for networks belong to the
// whole process; true there.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("networks need root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs nft")
	}
	if os.Getenv(aloneVariable) != "" {
		if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("tmpfs", "/run", "tmpfs", 0, "")); err != nil {
			t.Fatal(err)
		}
		return true
	}
	again := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), aloneVariable+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	out, err := again.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// lan gives the process an eth0 with the node's address.
func lan(t *testing.T) *tunnel {
	t.Helper()
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil { // that of this PID namespace
		t.Fatal(err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	under := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0", MTU: 1500}, PeerName: "peer"}
	address, _ := netlink.ParseAddr("10.77.0.11/24")
	if err := errors.Join(netlink.LinkSetUp(lo), netlink.LinkAdd(under), netlink.LinkSetUp(under), netlink.AddrAdd(under, address)); err != nil {
		t.Fatal(err)
	}
	_, pods, _ := net.ParseCIDR("10.42.0.0/24")
	up, err := raise("eth0", net.ParseIP("10.77.0.11"), pods)
	if err != nil {
		t.Fatal(err)
	}
	forward()
	return up
}

// TestAPodHasANetworkOfItsOwn is about its life: it reaches the API by the
// Service's address, is found again after a restart, and leaves nothing.
func TestAPodHasANetworkOfItsOwn(t *testing.T) {
	if !alone(t) {
		return
	}
	up := lan(t)
	api, err := net.Listen("tcp", "10.77.0.11:6443")
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	go func() {
		for c, err := api.Accept(); err == nil; c, err = api.Accept() {
			c.Write([]byte("you are " + c.RemoteAddr().String() + "\n"))
			c.Close()
		}
	}()
	m := newMachine(t)
	ready := func() {
		m.node.ClusterCIDR = "10.42.0.0/16"
		if err := m.node.openPods(t.Context(), up, "10.42.0.0/24", []*discoveryv1.EndpointSlice{published(nil, "10.77.0.11")}); err != nil {
			t.Fatal(err)
		}
	}
	ready()
	m.boundAs(t, `hostname; cat /etc/hosts; bash -c 'cat </dev/tcp/$KUBERNETES_SERVICE_HOST/$KUBERNETES_SERVICE_PORT'; exec sleep 1000`, "", false)
	m.until(t, "it runs", func(pod *corev1.Pod, s corev1.ContainerStatus) bool {
		log, _ := m.node.pods.logOf("default", "p", "c", false)
		content, _ := os.ReadFile(log)
		return pod.Status.PodIP == "10.42.0.2" && s.State.Running != nil &&
			strings.Contains(string(content), "p\n# Kubernetes") && strings.Contains(string(content), "you are 10.42.0.2:")
	})
	before := m.until(t, "it runs", func(*corev1.Pod, corev1.ContainerStatus) bool { return true })
	m.stop()
	m.start(t)
	ready()
	after := m.until(t, "it still runs", func(*corev1.Pod, corev1.ContainerStatus) bool { return len(m.node.pods.list()) == 1 })
	if before.ContainerID != after.ContainerID || m.node.network.kept("u1").String() != "10.42.0.2" {
		t.Errorf("%s became %s at %s", before.ContainerID, after.ContainerID, m.node.network.kept("u1"))
	}
	now := int64(0)
	if err := m.kube.CoreV1().Pods("default").Delete(t.Context(), "p", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	for m.node.network.kept("u1").IsValid() {
		if err := sleep(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal("a deleted pod keeps its address")
		}
	}
	_, noLink := netlink.LinkByName(hostEnd("u1"))
	if _, noFile := os.Stat(namespaceOf("u1")); noLink == nil || noFile == nil {
		t.Errorf("a deleted pod leaves its device (%v) or its namespace (%v)", noLink, noFile)
	}
}
