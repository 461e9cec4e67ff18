package k3s

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
)

// inBubble runs a test whose waits take no time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}

func TestASecondRunDoesNothing(t *testing.T) {
	for name, roles := range map[string][]inventory.Role{
		"one node":                nil,
		"server and agent":        {inventory.Agent},
		"three servers, an agent": {inventory.Server, inventory.Server, inventory.Agent},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, roles...)
				w.mustUp()
				w.forget()
				for _, h := range w.hosts {
					h.Edit(func(s *fakehost.State) { s.Spaces[dataDir] = look.Space{Free: 300 * mebibyte} }) // nothing is to come
				}
				writes := len(w.kube.Writes())
				if r := w.mustUp(); r.Changed != 0 || len(w.changes()) != 0 || len(w.kube.Writes()) != writes {
					t.Errorf("%+v: %q", r, w.changes())
				}
				if r, err := w.plan(); err != nil || r.Differs+r.Pending+r.Unknown != 0 || r.Holds == 0 {
					t.Errorf("plan: %+v, %v\n%s", r, err, w.log.text())
				}
			})
		})
	}
}

// Every step sees on bare machines that there is something to do, and none
// that needs no work on them passes for the lack of a look.
func TestEveryStepDiffersOnABareMachine(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		r, err := w.plan()
		if err != nil || r.Unknown != 0 || len(w.changes()) != 0 {
			t.Fatalf("%+v, %v\n%s", r, err, w.log.text())
		}
		ends := map[string]converge.Kind{}
		for _, e := range w.log.events {
			if e.Subject == "edge-1" {
				ends[e.Step] = e.Kind
			}
		}
		want := map[string]converge.Kind{}
		for _, s := range slices.Concat(fileSteps()[:7], nodeSteps(), overlaySteps()) {
			want[s.ID()] = converge.StepDiffers
		}
		for _, id := range []string{"k3s/role", "k3s/founder", "k3s/clock", "k3s/version", "k3s/ports", "k3s/kernel", "k3s/space"} {
			want[id] = converge.StepHolds
		}
		want["k3s/binary"], want["k3s/images"] = converge.StepDiffers, converge.StepDiffers
		want["k3s/ready"], want["k3s/overlay"] = converge.StepPending, converge.StepPending // there is no API yet
		for id, kind := range want {
			if ends[id] != kind {
				t.Errorf("%s: %s, wanted %s", id, ends[id], kind)
			}
		}
		if strings.Contains(w.log.text(), "edge-2 k3s/config step-holds") {
			t.Error("an agent without a server has its settings")
		}
	})
}

func TestAMachineThatIsNotThereIsNoMachineWithoutK3s(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		w.hosts["edge-2"].Edit(func(s *fakehost.State) { s.Down = &machine.UnreachableError{State: machine.NoRoute} })
		r, err := w.plan()
		if err != nil || r.Unknown == 0 || strings.Contains(w.log.text(), "edge-2 k3s/binary step-differs") {
			t.Errorf("%+v, %v\n%s", r, err, w.log.text())
		}
		if _, err := w.up(); machine.StateOf(err) != machine.NoRoute {
			t.Errorf("got %v", err)
		}
	})
}

// Each try to reach a machine that is off takes seconds.
func TestAMachineThatIsNotThereIsAskedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		w.mustUp()
		w.hosts["edge-2"].Edit(func(s *fakehost.State) { s.Down = &machine.UnreachableError{State: machine.NoRoute} })
		looks, asked := w.looks(), &countedLooks{Looker: w.hosts["edge-2"]}
		looks["edge-2"] = asked
		r, err := converge.Run(t.Context(), nil, &w.log, PlanStages(w.c, looks, w.api())...)
		if err != nil || r.Unknown < 2 || asked.n.Load() != 1 {
			t.Errorf("asked %d times: %+v, %v", asked.n.Load(), r, err)
		}
	})
}

type countedLooks struct {
	look.Looker
	n atomic.Int32
}

func (c *countedLooks) Look(ctx context.Context, r look.Request) (look.Answer, error) {
	c.n.Add(1)
	return c.Looker.Look(ctx, r)
}

// A run that is killed before any one change leaves what the next run needs: on
// bare machines, and where K3s runs already with what was wanted before.
func TestKilledBeforeEachChange(t *testing.T) {
	t.Parallel()
	for _, node := range []string{"edge-1", "edge-2"} {
		for _, there := range []bool{false, true} {
			for n, more := 1, true; more; n++ {
				synctest.Test(t, func(t *testing.T) { more = killedAt(t, node, there, n) })
			}
		}
	}
}

// killedAt kills a run before the nth change of a node, if there are so many.
func killedAt(t *testing.T, node string, there bool, n int) bool {
	w := newWorld(t, inventory.Agent)
	if there {
		w.mustUp()
		w.useRelease("v1.36.0+k3s1", "newer")
		w.c.Cluster.K3s.TLSSANs = nil
		w.c.Cluster.Nodes[1].Address = netip.MustParseAddr("10.77.0.99")
		w.forget()
	}
	h, killed, reached := w.hosts[node], errors.New("killed"), false
	h.Fault = func(tried int, _ string) error {
		if reached = reached || tried == n; reached {
			return killed
		}
		return nil
	}
	_, err := w.up()
	if reached != errors.Is(err, killed) || !reached && n < 4 {
		t.Fatalf("%s, change %d: %v", node, n, err)
	}
	before := w.token("edge-1")
	h.Fault = nil
	w.mustUp()
	if after := w.token("edge-1"); before != "" && after != before {
		t.Errorf("%s, change %d: the token was changed", node, n)
	}
	w.forget()
	if r := w.mustUp(); r.Changed != 0 || len(w.changes()) != 0 {
		t.Errorf("%s, change %d: then %q", node, n, w.changes())
	}
	return reached
}

// token is the short token in the node's config.yaml, or "".
func (w *world) token(name string) string {
	var s settings
	if err := yaml.Unmarshal(w.hosts[name].State().Files[configPath].Content, &s); err != nil {
		w.t.Error(err)
	}
	return string(s.Token)
}

func TestNothingRestartsUnlessAHashChanged(t *testing.T) {
	restart := func(name string) string {
		unit := map[string]string{"edge-1": serverUnit, "edge-2": agentUnit}[name]
		return name + ": run systemctl restart --no-block " + unit
	}
	for name, tc := range map[string]struct {
		change func(w *world)
		want   []string // restarts
	}{
		"a name in the certificate": {func(w *world) { w.c.Cluster.K3s.TLSSANs = nil }, []string{restart("edge-1")}},
		"the policy was edited": {func(w *world) {
			w.hosts["edge-1"].Edit(func(s *fakehost.State) { s.Put(psaPath, []byte("{}"), 0o600) })
		}, nil},
		"config.yaml was edited, and K3s restarted": {func(w *world) {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) {
				s.Put(configPath, append(s.Files[configPath].Content, "debug: true\n"...), 0o600)
				restartByHand(s, agentUnit)
			})
		}, []string{restart("edge-2")}},
		"the binary was replaced, and K3s restarted": {func(w *world) {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) {
				s.Put(binaryPath, []byte("somebody's"), 0o755)
				restartByHand(s, agentUnit)
			})
		}, []string{restart("edge-2")}},
		"only a mode was changed, and K3s restarted": {func(w *world) {
			w.hosts["edge-1"].Edit(func(s *fakehost.State) {
				s.Put(configPath, s.Files[configPath].Content, 0o644)
				restartByHand(s, serverUnit)
			})
		}, nil},
		"a manifest": {func(w *world) { w.c.Manifests[0].Content = saying("kind: Other\n") }, nil},
		"the unit of the agent was edited": {func(w *world) {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) {
				s.Put(unitDir+"/"+agentUnit, []byte("[Unit]"), 0o644)
				u := s.Units[agentUnit]
				u.Reload = true
				s.Units[agentUnit] = u
			})
		}, nil},
		"another binary":              {func(w *world) { w.useRelease("v1.36.0+k3s1", "newer") }, []string{restart("edge-1"), restart("edge-2")}},
		"another binary of that name": {func(w *world) { w.useRelease(wantVersion, "patched") }, []string{restart("edge-1"), restart("edge-2")}},
		"the marker is lost": {func(w *world) {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) { delete(s.Files, markerPath) })
		}, []string{restart("edge-2")}},
		"K3s was stopped": {func(w *world) {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) { s.Units[agentUnit] = fakehost.Stopped() })
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, inventory.Agent)
				w.mustUp()
				w.forget()
				tc.change(w)
				if r := w.mustUp(); r.Changed == 0 {
					t.Errorf("nothing was changed: %+v", r)
				}
				got := slices.DeleteFunc(w.changes(), func(c string) bool { return !strings.Contains(c, " restart ") })
				if !slices.Equal(got, tc.want) {
					t.Errorf("restarts %q, wanted %q, of %q", got, tc.want, w.changes())
				}
			})
		})
	}
}

// restartByHand is what somebody does who wants an edit to count.
func restartByHand(s *fakehost.State, unit string) {
	u := s.Units[unit]
	u.MainPID, u.Since = 4711, u.Since.Add(time.Minute)
	s.Units[unit] = u
}

// Nodes that run go down one after the other, servers first.
func TestAnUpgradeTakesOneNodeAfterTheOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Server, inventory.Server, inventory.Agent, inventory.Agent)
		w.slow = 5 * time.Second
		w.mustUp()
		if w.worst != 2 {
			t.Errorf("%d nodes at once joined for the first time, wanted both agents", w.worst)
		}
		w.worst = 0
		var order []string
		w.started = func(name string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			order = append(order, name)
			return nil
		}
		w.useRelease("v1.36.0+k3s1", "newer")
		w.mustUp()
		if len(order) != 5 || order[0] != "edge-1" {
			t.Fatalf("order %q", order)
		}
		slices.Sort(order[1:3])
		slices.Sort(order[3:])
		if want := []string{"edge-1", "edge-2", "edge-3", "edge-4", "edge-5"}; !slices.Equal(order, want) {
			t.Errorf("order %q", order)
		}
		if w.worst != 1 {
			t.Errorf("%d nodes were down at once", w.worst)
		}
	})
}

// A restart that was asked for has not happened yet: the old process goes on
// for a while, and is not taken for the new one.
func TestTheOldProcessIsNotTheNewOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustUp()
		h := w.hosts["edge-1"]
		run, ended := h.OnRun, false
		h.OnRun = func(s *fakehost.State, c machine.Command) (machine.Output, error) {
			old := s.Units[serverUnit]
			out, err := run(s, c)
			if started := s.Units[serverUnit]; started.MainPID != old.MainPID {
				s.Units[serverUnit] = old
				time.AfterFunc(3*time.Second, func() {
					h.Edit(func(s *fakehost.State) { s.Units[serverUnit], ended = started, true })
				})
			}
			return out, err
		}
		h.Fault = func(_ int, change string) error {
			if change == "write "+markerPath && !ended {
				t.Error("the start is noted before there was one")
			}
			return nil
		}
		w.c.Cluster.K3s.TLSSANs = nil
		w.mustUp()
		if !ended {
			t.Error("nothing was started")
		}
	})
}
