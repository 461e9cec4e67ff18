package k3s

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
)

func TestABlockedOverlayIsNamed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		w.mustUp()
		w.hosts["edge-1"].Edit(func(s *fakehost.State) {
			s.Dials["10.42.1.0:10250"] = look.DialAnswer{Outcome: look.TimedOut, Err: "i/o timeout"}
		})
		if r, err := w.plan(); err != nil || r.Differs != 1 {
			t.Errorf("plan: %+v, %v", r, err)
		}
		counted := countingHost{w.hosts["edge-2"], new(uint64)}
		// The time is over while edge-1 still waits for an answer.
		_, err := w.upOn(map[string]Host{"edge-1": slowDials{w.hosts["edge-1"], 8 * time.Second}, "edge-2": counted})
		var trouble *TroubleError
		if !errors.As(err, &trouble) || !errors.Is(err, errOverlay) || trouble.Node != "edge-1" {
			t.Fatalf("got %v", err)
		}
		for _, want := range []string{"edge-1 to edge-2 by 10.42.1.0:10250: timed out", "firewall of edge-2: 1 packets dropped by guard: not published"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in %v", want, err)
			}
		}
		for _, want := range []string{"8472/udp", "ethtool -K flannel.1 tx-checksum-ip-generic off"} {
			if !strings.Contains(hintOf(err), want) {
				t.Errorf("no %q in %q", want, hintOf(err))
			}
		}
	})
}

// countingHost has a firewall whose counter is one higher at each look.
type countingHost struct {
	*fakehost.Host
	packets *uint64
}

func (h countingHost) Look(ctx context.Context, r look.Request) (look.Answer, error) {
	a, err := h.Host.Look(ctx, r)
	if r.Counters {
		*h.packets++
		a.Counters = []look.Counter{{Chain: "guard", Rule: "not published", Packets: *h.packets + 40}}
	}
	return a, err
}

// slowDials is a host whose connections take long to fail.
type slowDials struct {
	*fakehost.Host
	takes time.Duration
}

func (h slowDials) Look(ctx context.Context, r look.Request) (look.Answer, error) {
	if len(r.Dials) > 0 && !converge.Pause(ctx, h.takes) {
		return look.Answer{}, ctx.Err()
	}
	return h.Host.Look(ctx, r)
}

func TestAnOverlayThatComesLateIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		dial := func(o look.Outcome) {
			w.hosts["edge-2"].Edit(func(s *fakehost.State) { s.Dials["10.42.0.0:10250"] = look.DialAnswer{Outcome: o} })
		}
		dial(look.Unreachable)
		time.AfterFunc(5*time.Second, func() { dial(look.Answered) })
		w.mustUp()
	})
}

func TestAnOverlayThatIsNotTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		w.mustUp()
		node := nodeJSON("edge-2", 1, true, wantVersion)
		delete(node, "spec")
		if err := w.kube.Put("kubelet", node); err != nil {
			t.Fatal(err)
		}
		if _, err := w.up(); err == nil || !strings.Contains(err.Error(), "part of the pod network of edge-2") {
			t.Errorf("got %v", err)
		}
	})
}

func TestStatus(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent, inventory.Agent, inventory.Agent)
		w.mustUp()
		down := errors.New("no route")
		w.hosts["edge-2"].Edit(func(s *fakehost.State) { s.Down = down })
		if err := w.kube.Put("controller", nodeJSON("edge-2", 1, false, wantVersion)); err != nil {
			t.Fatal(err)
		}
		w.hosts["edge-3"].Edit(func(s *fakehost.State) { s.Units[agentUnit] = look.Unit{Load: "loaded", Active: "failed"} })
		w.kube.Remove(nodesPath + "/edge-4")

		got, err := Status(t.Context(), w.c, w.looks(), w.api())
		if err != nil || len(got) != 4 {
			t.Fatalf("%+v, %v", got, err)
		}
		if s := got[0]; s.Name != "edge-1" || s.Unit != "active" || s.Ready != Ready || s.Version != wantVersion || s.Reachable != nil {
			t.Errorf("got %+v", s)
		}
		if s := got[1]; !errors.Is(s.Reachable, down) || s.Unit != "" || s.Ready != NotReady || !strings.Contains(s.Reason, "because") {
			t.Errorf("got %+v", s)
		}
		if s := got[2]; s.Unit != "failed" || s.Ready != Ready {
			t.Errorf("got %+v", s)
		}
		if s := got[3]; s.Unit != "active" || s.Ready != Absent || s.Version != "" {
			t.Errorf("got %+v", s)
		}

		w.away = true
		got, err = Status(t.Context(), w.c, w.looks(), w.api())
		if !errors.Is(err, errAway) || got[0].Unit != "active" || got[0].Ready != Unknown {
			t.Errorf("%+v, %v", got[0], err)
		}
	})
}
