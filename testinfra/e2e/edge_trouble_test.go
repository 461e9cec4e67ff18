//go:build linux

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestEdgeTrouble brings each trouble of K3s, Traefik and services to one pair
// of machines. Every one is told with its cause and a hint, loses nothing, and
// is mended by the next run.
func TestEdgeTrouble(t *testing.T) {
	s := newEdge(t, "e2e-edge-trouble")
	part := func(name string, run func(t *testing.T)) {
		began := time.Now()
		t.Run(name, run)
		t.Logf("%s: %.1f s", name, time.Since(began).Seconds())
	}
	bare := &edge{site: s}
	part("a file of the bundle is damaged", func(t *testing.T) { damagedBundle(t, bare.on(t)) })
	part("no room for K3s", func(t *testing.T) { noRoomForK3s(t, bare.on(t)) })
	part("port 80 is taken", func(t *testing.T) { portTaken(t, bare.on(t)) })
	part("a clock is two hours ahead", func(t *testing.T) { clockAhead(t, bare.on(t)) })
	part("killed", func(t *testing.T) { killedInstall(t, bare.on(t)) })
	if t.Failed() {
		return // there is no cluster to bring more trouble to
	}
	e := newEdgeClients(s)
	e.must(0, plain("git")...)
	for _, p := range []struct {
		name string
		run  func(*testing.T, *edge)
	}{
		{"a server is down", serverDown},
		{"a slice without a port", portlessSlice},
		{"the chart refuses a value", refusedValue},
		{"the cluster refuses what the chart makes", failedRelease},
		{"ports below 1024 are for root only", rootsPorts},
		{"the API goes away in the middle", apiGoesAway},
		{"the API is away", apiAway},
		{"an agent was given another token", editedToken},
		{"the cluster does not take the token", refusedToken},
		{"8472/udp is blocked", blockedOverlay},
	} {
		part(p.name, func(t *testing.T) { p.run(t, e.on(t)) })
	}
}

// plain is the command that adds a service which asks for nothing special.
func plain(name string) []string {
	return []string{"add-service", name, "--host", name + ".lab.test", "--to", "10.77.0.50:3000"}
}

// nothingBrought wants no file of K3s on a node.
func (e *edge) nothingBrought(node string) {
	e.t.Helper()
	if found := e.console(node, "sh", "-c", "find /usr/local/bin/k3s /etc/rancher /var/lib/rancher -type f 2>&1 | grep -v 'No such file' || true"); found != "" {
		e.t.Errorf("on %s: %s", node, found)
	}
}

// damagedBundle is one whose images have changed on their way.
func damagedBundle(t *testing.T, e *edge) {
	sound := e.cluster.K3s.Bundle
	entries, err := os.ReadDir(sound)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"k3s-airgap-images-amd64.tar.zst", "k3sedge-images-amd64.tar.zst"} {
		t.Run(damaged, func(t *testing.T) {
			e, dir := e.on(t), t.TempDir()
			for _, f := range entries {
				if f.Name() == damaged {
					continue
				}
				if err := os.Symlink(filepath.Join(sound, f.Name()), filepath.Join(dir, f.Name())); err != nil {
					t.Fatal(err)
				}
			}
			content, to := []byte(e.read(filepath.Join(sound, damaged))), filepath.Join(dir, damaged)
			words := []string{sumOf(content), to, "copy the file "}
			content[len(content)/2] ^= 1
			words = append(words, sumOf(content))
			if err := os.WriteFile(to, content, 0o600); err != nil {
				t.Fatal(err)
			}
			e.edit(t, `bundle: \S+`, "bundle: "+dir)
			e.trouble(1, 1, words, "up")
			e.trouble(3, 1, words, "up", "--plan")
			for _, n := range e.cluster.Nodes {
				e.nothingBrought(n.Name)
			}
		})
	}
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// noRoomForK3s is seen before anything is brought.
func noRoomForK3s(t *testing.T, e *edge) {
	e.console("edge-2", "sh", "-c", "mkdir -p /var/lib/rancher && mount -t tmpfs -o size=64m tmpfs /var/lib/rancher")
	e.trouble(1, 1, []string{"edge-2", "no room", "64 MiB free", "needed", "nodes[].disk", "du -xh"}, "up")
	e.must(3, "up", "--plan")
	e.nothingBrought("edge-2")
	e.console("edge-2", "umount", "/var/lib/rancher")
}

// portTaken by a web server that was on the machine before.
func portTaken(t *testing.T, e *edge) {
	e.console("edge-2", "systemd-run", "--unit=their-web", "python3", "-m", "http.server", "80")
	eventually(t, "it listens", 20*time.Second, func() bool { return strings.Contains(e.console("edge-2", "ss", "-Hltn", "sport = 80"), "LISTEN") })
	e.trouble(1, 1, []string{"port 80 of edge-2", "python3", "systemctl disable --now", "ss -ltnp"}, "up")
	e.must(3, "up", "--plan")
	e.nothingBrought("edge-2")
	e.console("edge-2", "systemctl", "stop", "their-web")
}

// aheadOfTime stands in for the node agent and moves its time: a container
// cannot have a clock of its own.
const aheadOfTime = `#!/bin/sh
[ "$1" = look ] || exec "$0.real" "$@"
"$0.real" "$@" | python3 -c '
import datetime, json, sys
answer = json.load(sys.stdin)
answer["time"] = (datetime.datetime.utcnow() + datetime.timedelta(hours=2, seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
json.dump(answer, sys.stdout)'
`

// clockAhead is seen before certificates are made that nobody would take.
func clockAhead(t *testing.T, e *edge) {
	agent := strings.TrimSpace(e.console("edge-2", "sh", "-c", "ls -t /usr/local/lib/k3sedge/k3sedge-node-* | head -1"))
	e.console("edge-2", "sh", "-c", `mv "$1" "$1.real" && printf %s "$2" >"$1" && chmod 0755 "$1"`, "sh", agent, aheadOfTime)
	words := []string{"the clock of edge-2 is 2h0m", "s ahead of this machine's", "certificates would not be valid", "timedatectl"}
	e.trouble(1, 1, words, "up")
	if r := e.must(3, "up", "--plan"); !strings.Contains(r.stderr, "edge-2: k3s/clock: clock is 2h0m") {
		t.Errorf("the plan does not tell:\n%s", r.stderr)
	}
	e.nothingBrought("edge-2")
	e.console("edge-2", "mv", agent+".real", agent)
}

// killedInstall kills `up` with SIGKILL on its way through the installation,
// each run later than the one before.
func killedInstall(t *testing.T, e *edge) {
	var token string // once there is one, it is kept
	for _, at := range []killPoint{
		{"step-waiting", "k3s/binary"},  // half of it is there
		{"step-changed", "k3s/config"},  // of the server; not started yet
		{"step-waiting", "k3s/running"}, // started, and not noted yet
		{"step-changed", "k3s/config"},  // of the agent
		{"step-waiting", "k3s/running"}, //
		{"step-started", "traefik/running"},
	} {
		e.killAt(at, "up")
		now := e.serverToken()
		if token != "" && now != token {
			t.Fatalf("killed at %v: the cluster has another token", at)
		}
		token = now
	}
	e.mended()
	if token == "" || e.serverToken() != token || !strings.HasSuffix(strings.TrimSpace(e.console("edge-1", "cat", "/var/lib/rancher/k3s/server/token")), ":"+token) {
		t.Error("the cluster has another token than its first server was given")
	}
}

// serverToken is what the first server was given, or "".
func (e *edge) serverToken() string {
	e.t.Helper()
	var config struct{ Token string }
	text := e.console("edge-1", "sh", "-c", "cat /etc/rancher/k3s/config.yaml || true")
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		e.t.Fatal(err)
	}
	return config.Token
}

// serverDown: a backend that refuses connections is told by each node.
func serverDown(t *testing.T, e *edge) {
	add := []string{"add-service", "off", "--host", "off.lab.test", "--to", "10.77.0.50:3999"}
	e.trouble(1, 2, []string{"10.77.0.50:3999 from edge-1: refuses", "10.77.0.50:3999 from edge-2: refuses", "is the service running", "--force"}, add...)
	if made := e.made("k3sedge.dev/service=off"); len(made) > 0 || e.hasFile("off") {
		t.Errorf("written: %v, file %v", made, e.hasFile("off"))
	}
	forced := e.must(0, append(add, "--force")...)
	if strings.Count(forced.stderr, "warning: 10.77.0.50:3999 from edge-") != 2 || !e.hasFile("off") {
		t.Errorf("--force goes on without a word:\n%s", forced.stderr)
	}
	e.both(502, "https://off.lab.test/")
	e.mended()
}
