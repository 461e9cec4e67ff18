//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// portlessSlice: the API takes a slice that stops Traefik from then on.
func portlessSlice(t *testing.T, e *edge) {
	const (
		slices    = "/apis/discovery.k8s.io/v1/namespaces/edge-git/endpointslices"
		ingresses = "/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses"
	)
	e.create(slices, `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4","endpoints":[],"ports":[{"name":"http"}],
		"metadata":{"name":"portless","labels":{"kubernetes.io/service-name":"git"}}}`)
	eventually(t, "Traefik panics", 30*time.Second, func() bool { return strings.Contains(e.traefikLog("edge-1"), "panic in operation") })
	e.create(ingresses, `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"late"},"spec":{"ingressClassName":"traefik","rules":[
		{"host":"late.lab.test","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"git","port":{"name":"http"}}}}]}}]}}`)
	panics := strings.Count(e.traefikLog("edge-1"), "panic in operation")
	eventually(t, "Traefik panics again", 30*time.Second, func() bool { return strings.Count(e.traefikLog("edge-1"), "panic in operation") > panics })
	if routed := e.routed("late.lab.test"); routed {
		t.Error("Traefik goes on: the trouble is not what it was")
	}
	e.both(http.StatusOK, "https://git.lab.test/") // what was there stays

	words := []string{"EndpointSlice edge-git/portless", "port without a number", "Traefik stops", "kubectl delete endpointslice -n edge-git portless"}
	e.trouble(2, 1, words, plain("more")...)
	e.trouble(1, 1, words, "up")
	e.trouble(4, 1, words, "up", "--plan")
	if made := e.made("k3sedge.dev/service=more"); len(made) > 0 || e.hasFile("more") {
		t.Errorf("written: %v, file %v", made, e.hasFile("more"))
	}
	e.destroy(slices + "/portless")
	eventually(t, "Traefik takes changes again", time.Minute, func() bool { return e.routed("late.lab.test") })
	e.destroy(ingresses + "/late")
	e.mended()
}

// traefikLog is what Traefik on a node has written.
func (e *edge) traefikLog(node string) string {
	e.t.Helper()
	return e.console(node, "sh", "-c", "cat /var/log/pods/kube-system_traefik*/*/*.log")
}

// routed reports whether Traefik on the first node has a route for a host.
func (e *edge) routed(host string) bool {
	e.t.Helper()
	return strings.Contains(e.console("edge-1", "curl", "-sS", "http://127.0.0.1:8080/api/http/routers"), host)
}

func (e *edge) create(path, object string) {
	e.t.Helper()
	if r := e.kube("POST", path, object); r.status != http.StatusCreated {
		e.t.Fatalf("POST %s: %s", path, r)
	}
}

func (e *edge) destroy(path string) {
	e.t.Helper()
	if r := e.kube("DELETE", path, ""); r.status != http.StatusOK {
		e.t.Fatalf("DELETE %s: %s", path, r)
	}
}

// giveValues replaces the values that Traefik's chart is given.
func (e *edge) giveValues(values string) {
	e.t.Helper()
	const path = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmchartconfigs/traefik"
	var config map[string]any
	if r := e.kube("GET", path, ""); json.Unmarshal([]byte(r.body), &config) != nil {
		e.t.Fatalf("GET %s: %s", path, r)
	}
	config["spec"].(map[string]any)["valuesContent"] = values
	text, err := json.Marshal(config)
	if err != nil {
		e.t.Fatal(err)
	}
	if r := e.kube("PUT", path, string(text)); r.status != http.StatusOK {
		e.t.Fatalf("PUT %s: %s", path, r)
	}
}

// planned runs a plan until it tells what it is to find.
func (e *edge) planned(words ...string) {
	e.t.Helper()
	eventually(e.t, fmt.Sprintf("a plan tells %q", words), time.Minute, func() bool {
		r := e.must(3, "up", "--plan")
		for _, word := range words {
			if !strings.Contains(r.stderr, word) {
				return false
			}
		}
		return true
	})
}

// refusedValue: somebody edits the configuration by hand into what the chart's
// schema does not know.
func refusedValue(t *testing.T, e *edge) {
	e.giveValues("ports:\n  web:\n    port: nonsense\n")
	e.planned("ports.web.port is nonsense, wanted 80", "/ports/web/port", "got string, want integer")
	e.both(http.StatusOK, "https://git.lab.test/")
	e.mended()
}

// failedRelease: what the schema lets pass and the cluster does not leaves a
// failed release, on top of which K3s tries nothing more.
func failedRelease(t *testing.T, e *edge) {
	e.giveValues("deployment:\n  kind: DaemonSet\npriorityClassName: Not_A_Name\n")
	e.planned(`DaemonSet.apps "traefik" is invalid`, "Not_A_Name", "release is failed")
	e.both(http.StatusOK, "https://git.lab.test/")
	e.mended()
	e.both(http.StatusOK, "https://git.lab.test/")
}

// rootsPorts: the setting by which Traefik has its ports is lost, and noticed
// when it starts next.
func rootsPorts(t *testing.T, e *edge) {
	const set = "/usr/sbin/sysctl -qw net.ipv4.ip_unprivileged_port_start=1024"
	e.console("edge-2", "sh", "-c", set+" && kill $(pgrep -x traefik)")
	eventually(t, "status tells why", time.Minute, func() bool {
		r := e.k3sedge("status")
		return r.code == 3 && strings.Contains(r.stdout, "bind: permission denied")
	})
	if r := e.get(0, "https://git.lab.test/"); r.status != http.StatusOK {
		t.Errorf("the other node: %s", r)
	}
	e.planned("net.ipv4.ip_unprivileged_port_start is 1024, wanted 80")
	e.mended()
	e.both(http.StatusOK, "https://git.lab.test/")

	// As long as something sets it back, nothing that needs it is touched.
	e.console("edge-2", "systemd-run", "--unit=their-tuner", "sh", "-c", "while "+set+"; do sleep 0.05; done")
	e.trouble(1, 1, []string{"edge-2", "KRN-13", "ip_unprivileged_port_start=1024", "sets it back"}, "up")
	e.console("edge-2", "systemctl", "stop", "their-tuner")
	e.mended()
}

// apiGoesAway at parts of what a whole run sends to it: among the checks,
// before the first object, and between two of them.
func apiGoesAway(t *testing.T, e *edge) {
	const hook, ours = "type filter hook output priority 0;", "tcp dport 6443 meta skuid 1000 " // of the user who logs in
	e.rules("edge-1", hook, ours+"counter")
	e.must(0, plain("whole")...)
	counted := regexp.MustCompile(`bytes (\d+)`).FindStringSubmatch(e.console("edge-1", "/usr/sbin/nft", "list", "table", "inet", "e2e"))
	e.noRules("edge-1")
	if counted == nil {
		t.Fatal("nothing was counted")
	}
	whole, err := strconv.Atoi(counted[1])
	if err != nil || whole < 5000 {
		t.Fatalf("a whole run sends %d bytes, %v", whole, err)
	}
	halfway := 0
	for _, percent := range []int{35, 60, 75, 85} {
		name := fmt.Sprintf("after-%d", percent)
		e.rules("edge-1", hook, fmt.Sprintf("%s quota over %d bytes reject with tcp reset", ours, whole*percent/100))
		r := e.must(1, plain(name)...)
		e.told(r, 1, []string{"the Kubernetes API does not answer", "k3sedge status says which server is down", "the same command goes on"})
		applying := strings.Contains(r.stderr, "\nservices\n")
		if e.hasFile(name) != applying {
			t.Errorf("the file is written: %v, with\n%s", e.hasFile(name), r.stderr)
		}
		e.noRules("edge-1")
		if made := e.made("k3sedge.dev/service=" + name); len(made) > 0 {
			halfway++
		}
		e.must(0, plain(name)...)
		e.both(http.StatusOK, "https://"+name+".lab.test/")
	}
	if halfway == 0 {
		t.Error("no run ended between two objects: choose other parts")
	}
	e.mended()
}

// rules adds a table of the test's own to a node's firewall.
func (e *edge) rules(node, hook, rule string) {
	e.t.Helper()
	e.console(node, "/usr/sbin/nft", fmt.Sprintf("add table inet e2e; add chain inet e2e trouble { %s }; add rule inet e2e trouble %s", hook, rule))
}

func (e *edge) noRules(node string) {
	e.t.Helper()
	e.console(node, "/usr/sbin/nft", "delete table inet e2e")
}

// apiAway: the server's K3s is stopped. What runs goes on, nothing is written.
func apiAway(t *testing.T, e *edge) {
	e.console("edge-1", "systemctl", "stop", "k3s")
	away := []string{"the Kubernetes API does not answer", "refused"}
	e.trouble(1, 1, append(away, "k3sedge status says which server is down"), plain("away")...)
	e.trouble(4, 1, away, append(plain("away"), "--dry-run")...)
	e.trouble(4, 1, away, "status")
	if e.hasFile("away") {
		t.Error("a service is kept that was not held against the cluster")
	}
	e.both(http.StatusOK, "https://git.lab.test/")
	e.planned("k3s.service is inactive, wanted active")
	e.mended()
	e.must(0, plain("away")...)
}

// tokenOf replaces the secret part of the agents' token in a file on a node.
const tokenOf = `sed -i 's/\(K10[0-9a-f]*::node:\).*/\1wrong/' `

// editedToken: somebody has edited the agent's file, and started it anew.
func editedToken(t *testing.T, e *edge) {
	e.console("edge-2", "sh", "-c", tokenOf+"/etc/rancher/k3s/config.yaml && systemctl restart --no-block k3s-agent")
	eventually(t, "the agent is refused", time.Minute, func() bool {
		return strings.Contains(e.console("edge-2", "journalctl", "-u", "k3s-agent", "-n", "5"), "401 Unauthorized")
	})
	e.must(3, "status")
	e.planned("token is another one")
	e.mended()
	e.both(http.StatusOK, "https://git.lab.test/")
}

// refusedToken: what the server keeps for its agents is not what it takes.
func refusedToken(t *testing.T, e *edge) {
	const kept = "/var/lib/rancher/k3s/server/agent-token"
	e.console("edge-1", "sh", "-c", "cp -p "+kept+" /root/agent-token && "+tokenOf+kept)
	r := e.must(1, "up")
	e.told(r, 1, []string{"edge-2", "the cluster does not accept its token", "401 Unauthorized", "k3s-agent.service: activating", "/etc/rancher/k3s/config.yaml", "/var/lib/rancher/k3s/server/token"})
	e.both(http.StatusOK, "https://git.lab.test/")
	e.console("edge-1", "mv", "/root/agent-token", kept)
	e.mended()
}

// blockedOverlay: something between the nodes gives their packets another
// sender, so that the firewall takes them for a stranger's.
func blockedOverlay(t *testing.T, e *edge) {
	e.rules("edge-2", "type filter hook prerouting priority -300;", "udp dport 8472 ip saddr set 10.77.0.99")
	r := e.must(1, "up")
	e.told(r, 2, []string{"edge-1: k3s/overlay", "edge-2: k3s/overlay", "the pod network does not carry traffic", "timed out", "firewall of edge-2: ", "packets dropped by", "8472/udp must pass", "k3sedge harden"})
	e.planned("overlay to edge-1 is timed out", "overlay to edge-2 is timed out")
	e.noRules("edge-2")
	e.mended()
}
