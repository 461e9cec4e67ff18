//go:build linux

package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
)

// TestThreeServers: etcd on three servers outlives the first of them, and no
// two are ever restarted at once. The parts build on one another.
func TestThreeServers(t *testing.T) {
	s := newEdge(t, "e2e-servers")
	twoAreRefused(t, s)
	s.edit(t, `(address: 10\.77\.0\.12\n)`, "${1}    - name: edge-3\n      role: server\n      address: 10.77.0.13\n")
	s.cluster.Nodes[1].Role = inventory.Server
	s.cluster.Nodes = append(s.cluster.Nodes, inventory.Node{Name: "edge-3", Role: inventory.Server, Address: netip.MustParseAddr("10.77.0.13")})
	t.Logf("up: %.1f s", timed(func() { s.must(0, "up") }).Seconds())
	e := newEdgeClients(s)
	for _, p := range []struct {
		name string
		run  func(*testing.T, *edge)
	}{
		{"three members", threeMembers},
		{"the first loses its power", firstServerOff},
		{"it comes back", firstServerBack},
		{"one restarts after the other", oneAfterTheOther},
	} {
		began := time.Now()
		if !t.Run(p.name, func(t *testing.T) { p.run(t, e.on(t)) }) {
			return
		}
		t.Logf("%s: %.1f s", p.name, time.Since(began).Seconds())
	}
}

func twoAreRefused(t *testing.T, s *site) {
	s.edit(t, `(name: edge-2\n\s+role: )agent`, "${1}server")
	s.trouble(2, 1, []string{"nodes: 2 servers", "make it 1 or 3 servers"}, "up")
	if made := s.vms(); len(made) > 0 {
		t.Fatalf("machines were made: %v", made)
	}
}

func threeMembers(t *testing.T, e *edge) {
	for _, n := range e.cluster.Nodes {
		e.hasMembers(n.Name)
	}
	before := e.starts()
	if r := e.must(0, "up", "--output", "json"); strings.Contains(r.stdout, "step-chang") {
		t.Errorf("the second run changed something:\n%s", r.stdout)
	}
	if after := e.starts(); !slices.Equal(after, before) {
		t.Errorf("the second run restarted a server: %v, before %v", after, before)
	}
	e.must(0, "add-service", "site", "--host", "site.lab.test", "--to", server)
	e.both(http.StatusOK, sitePage)
}

// hasMembers asks a server's etcd for all members.
func (e *edge) hasMembers(node string) {
	e.t.Helper()
	const tls = "/var/lib/rancher/k3s/server/tls/etcd/"
	text := e.console(node, "curl", "--silent", "--show-error", "--cacert", tls+"server-ca.crt", "--cert", tls+"client.crt", "--key", tls+"client.key",
		"--data", "{}", "https://127.0.0.1:2379/v3/cluster/member/list")
	var list struct{ Members []struct{ Name string } }
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		e.t.Fatalf("members by %s: %v: %s", node, err, text)
	}
	var names []string
	for _, m := range list.Members {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	if want := []string{"edge-1", "edge-2", "edge-3"}; !slices.Equal(names, want) {
		e.t.Errorf("members by %s: %q, want %q", node, names, want)
	}
}

// start is the last start of a server, in microseconds of the clock that all
// machines of the lab share.
type start struct {
	node         string
	down, active int
}

// starts are the last starts of K3s, in the order of the nodes.
func (e *edge) starts() []start {
	e.t.Helper()
	var out []start
	for _, n := range e.cluster.Nodes {
		text := e.console(n.Name, "systemctl", "show", "k3s", "-p", "ActiveExitTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic")
		found := map[string]int{}
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			us, err := strconv.Atoi(value)
			if err != nil {
				e.t.Fatalf("%s: %v in\n%s", n.Name, err, text)
			}
			found[key] = us
		}
		out = append(out, start{n.Name, found["ActiveExitTimestampMonotonic"], found["ActiveEnterTimestampMonotonic"]})
	}
	return out
}

// firstServerOff: the file's first server, which the others joined, is gone at
// once. What needs the API goes through another one.
func firstServerOff(t *testing.T, e *edge) {
	e.power(0, "stop")
	status := e.must(4, "status", "--output", "json")
	e.told(status, 1, []string{"edge-1", "10.77.0.11", "check that the machine runs"})
	var is struct {
		Nodes []struct{ Name, SSH, K3s, Node string }
	}
	if err := json.Unmarshal([]byte(status.stdout), &is); err != nil || len(is.Nodes) != 3 {
		t.Fatalf("status: %v\n%s", err, status.stdout)
	}
	for i, n := range is.Nodes {
		if off := i == 0; (n.SSH == "down") != off || (n.K3s == "active") == off || !off && n.Node != "ready" {
			t.Errorf("status: %+v", n)
		}
	}
	for i := 1; i < 3; i++ {
		e.comesBack(i, sitePage)
	}
	// The service is moved all the same; that it answers at the node that is off, nobody claims.
	r := e.must(1, "add-service", "site", "--host", "site.lab.test", "--to", movedTo+":3000", "--replace")
	e.told(r, 1, []string{"edge-1: service/answers", "nothing is at 10.77.0.11:22", "k3sedge up goes on from here"})
	if want := "warning: " + movedTo + ":3000 from edge-1: the node could not be asked"; !strings.Contains(r.stderr, want) {
		t.Errorf("%q is not in\n%s", want, r.stderr)
	}
	e.moved(1)
	e.moved(2)
}

// movedTo is the second web server that stands outside of the cluster.
const movedTo = "10.77.0.51"

// moved waits until a node hands requests to that server.
func (e *edge) moved(node int) {
	e.t.Helper()
	what := "the service has moved, through " + e.cluster.Nodes[node].Name
	eventually(e.t, what, 30*time.Second, func() bool { return strings.Contains(e.get(node, sitePage).body, `"server":"`+movedTo+`"`) })
}

// firstServerBack: `up` switches it on, and it is a member as before.
func firstServerBack(t *testing.T, e *edge) {
	const token = "/var/lib/rancher/k3s/server/token"
	was := e.console("edge-2", "sha256sum", token)
	r := e.must(0, "up")
	if !strings.Contains(r.stderr, "edge-1: machine/started: power is stopped") || strings.Contains(r.stderr, "k3s/config: changing") {
		t.Errorf("more or less was done than to start it:\n%s", r.stderr)
	}
	if is := e.console("edge-1", "sha256sum", token); is != was {
		t.Error("the first server has another token")
	}
	e.hasMembers("edge-1")
	e.must(0, "status")
	e.moved(0)
}

// oneAfterTheOther: another config.yaml takes a restart of each server.
func oneAfterTheOther(t *testing.T, e *edge) {
	before := e.starts()
	e.edit(t, `(\n\s+)(bundle: )`, "${1}tlsSANs: [api.lab.test]${1}${2}")
	e.must(0, "up")
	after := e.starts()
	for i, n := range after {
		if n.down < before[i].active {
			t.Fatalf("%s was not restarted: %+v, before %+v", n.node, n, before[i])
		}
		e.console(n.node, "curl", "--silent", "--show-error", "--output", "/dev/null", "--cacert", "/var/lib/rancher/k3s/server/tls/server-ca.crt",
			"--resolve", "api.lab.test:6443:127.0.0.1", "https://api.lab.test:6443/ping")
	}
	slices.SortFunc(after, func(a, b start) int { return cmp.Compare(a.down, b.down) })
	for i, n := range after[1:] {
		if last := after[i]; n.down < last.active {
			t.Errorf("%s went down before %s was up again: %s", n.node, last.node, fmt.Sprint(after))
		}
	}
	t.Log(after)
	for i := range e.cluster.Nodes {
		e.moved(i)
	}
}
