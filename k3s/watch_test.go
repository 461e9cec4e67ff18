package k3s

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
)

const rejected = "Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match"

// troubled has an agent whose K3s says the line and never runs.
func troubled(t *testing.T, line string) *world {
	w := newWorld(t, inventory.Agent)
	w.started = func(name string) error {
		if name == "edge-2" {
			return errors.New(line)
		}
		return nil
	}
	return w
}

func TestATokenThatIsNotAcceptedEndsTheWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := troubled(t, "401 Unauthorized with K10"+strings.Repeat("ab", 32)+"::node:canary")
		began := time.Now()
		_, err := w.up()
		var trouble *TroubleError
		if !errors.As(err, &trouble) || trouble.Node != "edge-2" || trouble.Cause != "the cluster does not accept its token" || !strings.Contains(hintOf(err), "agent-token") {
			t.Fatalf("got %v", err)
		}
		if strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "401 Unauthorized with ***") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s to see that waiting is of no use", took)
		}
		if _, there := w.hosts["edge-2"].State().Files[markerPath]; there {
			t.Error("a start that failed counts as one")
		}
		w.started = nil
		w.mustUp()
	})
}

// What is wrong for a moment, such as a server that does not know its tokens
// yet, is no reason to give up.
func TestACauseThatGoesAwayDoesNotEndTheWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := troubled(t, "401 Unauthorized")
		time.AfterFunc(certain-time.Second, func() {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) { s.Units[agentUnit] = fakehost.Running() })
			if err := w.kube.Put("kubelet", nodeJSON("edge-2", 1, true, wantVersion)); err != nil {
				t.Error(err)
			}
		})
		if _, err := w.up(); err != nil {
			t.Error(err)
		}
	})
}

// K3s that ends again and again is not waited for, whatever its reason.
func TestManyStartsEndTheWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := troubled(t, "something new")
		time.AfterFunc(30*time.Second, func() {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) {
				s.Units[agentUnit] = look.Unit{Load: "loaded", Active: "activating", Sub: "auto-restart", File: "enabled", Restarts: manyStarts, Exit: 1, Result: "exit-code"}
			})
		})
		began := time.Now()
		_, err := w.up()
		if err == nil || !strings.Contains(err.Error(), "K3s ends by itself (exit-code, exit code 1, started 6 times)") || time.Since(began) > time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestAWaitWithoutAKnownCauseTellsWhatItSaw(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := troubled(t, "something new")
		w.hosts["edge-2"].Edit(func(s *fakehost.State) { s.Dials["10.77.0.11:6443"] = look.DialAnswer{Outcome: look.TimedOut} })
		w.hosts["edge-1"].Edit(func(s *fakehost.State) {
			s.Counters = []look.Counter{{Chain: "guard", Rule: "not published", Packets: 9}}
		})
		_, err := w.up()
		var trouble *TroubleError
		if !errors.As(err, &trouble) || trouble.Cause != "edge-2 does not reach edge-1 on 6443/tcp: the packets are dropped" {
			t.Fatalf("got %v", err)
		}
		for _, want := range []string{"not within 10m0s", "firewall of edge-1: 9 packets dropped by guard: not published", "something new"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in %v", want, err)
			}
		}
		if !strings.Contains(w.log.text(), "activating; edge-2 does not reach edge-1 on 6443/tcp") {
			t.Error("the cause was not told while there was time")
		}
	})
}

func TestACancelledWaitEndsAtOnceAndTellsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := troubled(t, "something new")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		hosts := map[string]Host{}
		for name, h := range w.hosts {
			hosts[name] = h
		}
		_, err := converge.Run(ctx, nil, &w.log, Stages(w.c, hosts, w.api())...)
		var trouble *TroubleError
		if !errors.Is(err, context.Canceled) || errors.As(err, &trouble) {
			t.Errorf("got %v", err)
		}
	})
}

// An agent that was made anew under its old name takes its old place, if
// nobody is there.
func TestARebuiltAgentJoinsAgain(t *testing.T) {
	const secret = "/api/v1/namespaces/kube-system/secrets/edge-2.node-password.k3s"
	for name, tc := range map[string]struct {
		ready, joined, known bool
		want                 bool
	}{
		"the old one is gone":               {known: true, want: true},
		"its Node is gone, its password is": {want: true},
		"the old one still answers":         {known: true, ready: true},
		"this one had joined":               {known: true, joined: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := troubled(t, rejected)
				if tc.joined {
					w.hosts["edge-2"].Edit(func(s *fakehost.State) {
						s.Put(markerPath, []byte(`{"version":"`+wantVersion+`","sha256":"x"}`), 0o600)
					})
				}
				objects := []any{map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "edge-2.node-password.k3s", "namespace": "kube-system"}}}
				if tc.known {
					objects = append(objects, nodeJSON("edge-2", 1, tc.ready, wantVersion))
				}
				if err := w.kube.Put("k3s", objects...); err != nil {
					t.Fatal(err)
				}
				// K3s asks again by itself once its old password is gone.
				w.kube.React(func(path string, _ map[string]any) {
					if path != secret {
						return
					}
					go w.hosts["edge-2"].Edit(func(s *fakehost.State) {
						s.Units[agentUnit] = fakehost.Running()
						if err := w.kube.Put("kubelet", nodeJSON("edge-2", 1, true, wantVersion)); err != nil {
							t.Error(err)
						}
					})
				})
				_, err := w.up()
				var deleted []string
				for _, r := range w.kube.Writes() {
					deleted = append(deleted, r.Method+" "+r.Path)
				}
				removed := slices.Equal(deleted, []string{"DELETE " + nodesPath + "/edge-2", "DELETE " + secret})
				if removed != tc.want || (err == nil) != tc.want {
					t.Errorf("%v: %q", err, deleted)
				}
				if told := strings.Contains(w.log.text(), "the machine that had this name before are removed"); told != tc.want {
					t.Errorf("told: %v", told)
				}
			})
		})
	}
}

func TestABinaryOfAnotherVersionIsNamed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		files, err := w.c.Files(t.Context(), "amd64")
		if err != nil {
			t.Fatal(err)
		}
		w.reported = "v1.34.1+k3s1"
		_, err = w.up()
		if err == nil || !strings.Contains(err.Error(), "K3s calls itself v1.34.1+k3s1, not "+files.Version) || !strings.Contains(hintOf(err), "k3s.binary") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnAPIThatIsAwayIsNoNodeThatIsAbsent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		w.mustUp()
		w.away = true
		w.forget()
		_, err := w.up()
		if !errors.Is(err, errAway) || !strings.Contains(hintOf(err), "systemctl status k3s.service") || len(w.changes()) != 0 {
			t.Errorf("got %v, %q, %q", err, hintOf(err), w.changes())
		}
	})
}
