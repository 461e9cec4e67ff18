//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// edgePorts is how each port of a node looks from the LAN: what the cluster
// needs is for its nodes alone, what listens on loopback for nobody.
func edgePorts() map[string]string {
	ports := map[string]string{"80": "open", "443": "open"}
	for _, closed := range []string{"10250", "6443", "2379", "2380", "30000", "32767", "6444", "8080", "8444", "9101", "10257"} {
		ports[closed] = "dropped"
	}
	return ports
}

// scan tries ports all at once.
func scan(t *testing.T, cmd func(argv ...string) *exec.Cmd, address string, ports []string) map[string]string {
	t.Helper()
	var script strings.Builder
	for _, p := range ports {
		fmt.Fprintf(&script, "(echo %s $(%s)) &\n", p, fmt.Sprintf(connectScript, address, p))
	}
	out, err := cmd("bash", "-c", script.String()+"wait").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		port, is, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[port] = is
	}
	return found
}

// outsiders are the operator and the stranger, with the ports that look
// different to them than to all others.
func (e *edge) outsiders() map[string]func(argv ...string) *exec.Cmd {
	return map[string]func(argv ...string) *exec.Cmd{
		"operator": func(argv ...string) *exec.Cmd {
			cmd, err := e.lab.Command(e.t.Context(), argv...)
			return e.ready(cmd, err)
		},
		"stranger": func(argv ...string) *exec.Cmd {
			cmd, err := e.lab.StrangerCommand(e.t.Context(), argv...)
			return e.ready(cmd, err)
		},
	}
}

func (e *edge) ready(cmd *exec.Cmd, err error) *exec.Cmd {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
	return cmd
}

func edgeFirewall(t *testing.T, e *edge) {
	e.portsFromOutside(t)
	e.overlayIsOurs(t)
	e.must(0, "harden", "--check")
	// What harden puts back is what the cluster needs.
	e.console("edge-1", "/usr/sbin/nft", "delete", "table", "inet", "k3sedge")
	e.must(3, "harden", "--check")
	e.must(0, "harden")
	e.portsFromOutside(t)
	e.overlayIsOurs(t)
	e.must(0, "up", "--plan") // which connects through the overlay, both ways
	e.both(http.StatusOK, "https://site.lab.test/")
}

func (e *edge) portsFromOutside(t *testing.T) {
	t.Helper()
	for who, cmd := range e.outsiders() {
		want := edgePorts()
		want["22"] = map[string]string{"operator": "open", "stranger": "dropped"}[who]
		var ports []string
		for p := range want {
			ports = append(ports, p)
		}
		for _, n := range e.cluster.Nodes {
			found := scan(t, cmd, n.Address.String(), ports)
			for _, p := range ports {
				if found[p] != want[p] {
					t.Errorf("port %s of %s is %q for the %s, want %s", p, n.Name, found[p], who, want[p])
				}
			}
		}
	}
}

// frames sends twenty Ethernet frames into the overlay of edge-1, as flannel
// would: VXLAN network 1, to a protocol that nobody speaks.
const frames = `for i in {1..20}; do printf '\x08\0\0\0\0\0\x01\0\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x88\xb5nothing' >/dev/udp/10.77.0.11/8472; done`

// overlayIsOurs: nobody on the LAN reaches the pod network, but another node.
func (e *edge) overlayIsOurs(t *testing.T) {
	t.Helper()
	before := e.overlayFrames(t)
	for who, cmd := range e.outsiders() {
		if out, err := cmd("bash", "-c", frames).CombinedOutput(); err != nil {
			t.Fatalf("send frames as the %s: %v\n%s", who, err, out)
		}
	}
	e.console("edge-2", "bash", "-c", frames)
	eventually(t, "a node's frames arrive", 10*time.Second, func() bool { return e.overlayFrames(t) >= before+20 })
	if got := e.overlayFrames(t) - before; got >= 40 { // a few are the cluster's own
		t.Errorf("%d frames arrived, and only 20 are from a node", got)
	}
}

func (e *edge) overlayFrames(t *testing.T) int {
	t.Helper()
	var links []struct {
		Stats64 struct{ Rx struct{ Packets int } }
	}
	text := e.console("edge-1", "ip", "-s", "-j", "link", "show", "flannel.1")
	if err := json.Unmarshal([]byte(text), &links); err != nil || len(links) != 1 {
		t.Fatalf("no overlay: %v: %s", err, text)
	}
	return links[0].Stats64.Rx.Packets
}

const sitePage = "https://site.lab.test/"

// agentOff: the other node goes on, status tells, and a start is all it takes.
func agentOff(t *testing.T, e *edge) {
	e.console("edge-2", "systemctl", "poweroff", "--no-block")
	eventually(t, "edge-2 is off", 30*time.Second, func() bool { return !e.runs("edge-2") })
	if r := e.get(0, sitePage); r.status != http.StatusOK {
		t.Errorf("the other node: %s", r)
	}
	e.trouble(4, 1, []string{"edge-2", "10.77.0.12"}, "status")
	var status struct {
		Nodes []struct{ Name, SSH, K3s, Traefik string }
	}
	if err := json.Unmarshal([]byte(e.must(4, "status", "--output", "json").stdout), &status); err != nil || len(status.Nodes) != 2 {
		t.Fatalf("status: %v, %+v", err, status)
	}
	if one, two := status.Nodes[0], status.Nodes[1]; one.SSH != "ok" || one.K3s != "active" || one.Traefik != "ready" || two.SSH != "down" || two.Traefik != "unknown" {
		t.Errorf("status: %+v", status)
	}
	e.power(1, "start")
	e.standsAgain(t)
}

// runs reports whether a machine is on.
func (e *edge) runs(name string) bool {
	e.t.Helper()
	status, err := e.lab.Status(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	for _, m := range status.Machines {
		if m.Name == name {
			return m.Running
		}
	}
	e.t.Fatalf("there is no %s", name)
	return false
}

// serverOff: without the server nothing can be changed, but all is served.
func serverOff(t *testing.T, e *edge) {
	e.power(0, "stop")
	if r := e.get(1, sitePage); r.status != http.StatusOK {
		t.Errorf("the other node: %s", r)
	}
	e.trouble(4, 1, []string{"edge-1", "10.77.0.11"}, "status")
	e.power(0, "start")
	e.standsAgain(t)
}

func serverRestarts(t *testing.T, e *edge) {
	if err := e.lab.Restart(t.Context(), "edge-1"); err != nil {
		t.Fatal(err)
	}
	e.standsAgain(t)
	// The cluster notices a moment later that a pod was away.
	eventually(t, "there is nothing to do", time.Minute, func() bool { return e.k3sedge("up", "--plan").code == 0 })
	e.must(0, "harden", "--check")
	// All of it came back, and not only what is read.
	e.must(0, git()...)
	e.both(http.StatusOK, gitPage)
}

// standsAgain waits until all is well without anybody having done anything.
func (e *edge) standsAgain(t *testing.T) {
	t.Helper()
	began := time.Now()
	eventually(t, "status is content", 2*time.Minute, func() bool { return e.k3sedge("status").code == 0 })
	for i := range e.cluster.Nodes {
		e.comesBack(i, sitePage)
	}
	t.Logf("back after %.1f s", time.Since(began).Seconds())
}
