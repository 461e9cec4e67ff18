package k3s

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// errOverlay is a node whose pods do not reach those of another one.
var errOverlay = errors.New("the pod network does not carry traffic")

// overlayLimit is what flannel may take after the nodes are ready.
const overlayLimit = 30 * time.Second

// route is the way through the overlay to a peer.
type route struct {
	peer *view
	dial look.Dial
}

// routes are those to all other nodes. The kernel chooses our own end of the
// overlay as the source, so that the answer comes by it too.
func (v *view) routes(ctx context.Context) ([]route, error) {
	nodes, err := objects(ctx, v.api)
	if err != nil {
		return nil, err
	}
	var out []route
	for _, peer := range v.views {
		if peer == v {
			continue
		}
		address, ok := nodes[peer.node.Name].overlayAddress()
		if !ok {
			return nil, fmt.Errorf("part of the pod network of %s: the Node does not tell", peer.node.Name)
		}
		out = append(out, route{peer, look.Dial{Address: hostPort(address, portKubelet), Millis: dialMillis}})
	}
	return out, nil
}

// checkOverlay connects to the kubelet of each peer, through the overlay: it
// listens at all addresses (k3s pkg/util, GetDefaultAddresses).
func checkOverlay(ctx context.Context, v *view, _ *seen) ([]converge.Change, error) {
	routes, err := v.routes(ctx)
	if err != nil {
		return nil, err
	}
	answers, err := v.dial(ctx, routes)
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	for i, r := range routes {
		if a := answers[i]; a.Outcome != look.Answered {
			out = append(out, converge.Change{ID: "overlay to " + r.peer.node.Name, Have: strings.TrimSpace(fmt.Sprintf("%s %s", a.Outcome, a.Err)), Want: "answered"})
		}
	}
	return out, nil
}

func (v *view) dial(ctx context.Context, routes []route) ([]look.DialAnswer, error) {
	var r look.Request
	for _, to := range routes {
		r.Dials = append(r.Dials, to.dial)
	}
	now, err := v.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(now.Dials) != len(routes) {
		return nil, now.failed("dials", "the overlay")
	}
	return now.Dials, nil
}

// waitOverlay waits for flannel, and says then who is in the way.
func waitOverlay(ctx context.Context, h *hands) error {
	wait := converge.Wait{What: "the pod network", Every: pollEvery, Limit: overlayLimit, Cause: "8472/udp between the nodes may be blocked"}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		left, err := checkOverlay(ctx, h.view, nil)
		if err != nil || len(left) == 0 {
			return err == nil, "", err
		}
		return false, left[0].ID + ": " + left[0].Have, nil
	})
	if !inVain(err) {
		return err
	}
	return h.overlayTrouble(ctx, err)
}

// overlayTrouble tries once more, and reads before and after what the peers'
// firewalls have dropped.
func (h *hands) overlayTrouble(ctx context.Context, cause error) error {
	routes, err := h.routes(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	before := make([][]look.Counter, len(routes))
	for i, r := range routes {
		before[i], _ = r.peer.counters(ctx) // asked again below, where it is told
	}
	answers, err := h.dial(ctx, routes)
	if err != nil {
		return errors.Join(cause, err)
	}
	e := &TroubleError{Node: h.node.Name, Err: fmt.Errorf("%w: %w", errOverlay, cause)}
	for i, r := range routes {
		if answers[i].Outcome == look.Answered {
			continue
		}
		e.Seen = append(e.Seen, fmt.Sprintf("%s to %s by %s: %s %s", h.node.Name, r.peer.node.Name, r.dial.Address, answers[i].Outcome, answers[i].Err))
		after, err := r.peer.counters(ctx)
		if err != nil {
			e.Seen = append(e.Seen, fmt.Sprintf("firewall of %s: %v", r.peer.node.Name, err))
			continue
		}
		e.Seen = append(e.Seen, dropped(r.peer.node.Name, before[i], after)...)
	}
	return machine.WithHint(e, "8472/udp must pass between all nodes: `k3sedge harden` opens it on them; look for a firewall in between, such as that of Proxmox. "+
		"If it passes and only large or checksummed packets are lost, the network card miscounts: `sudo ethtool -K flannel.1 tx-checksum-ip-generic off` on each node")
}

// counters are the firewall's on the node.
func (v *view) counters(ctx context.Context) ([]look.Counter, error) {
	now, err := v.ask(ctx, look.Request{Counters: true})
	if err == nil && now.Failed["counters"] != "" {
		err = now.failed("counters", "dropped packets")
	}
	if err != nil {
		return nil, err
	}
	return now.Counters, nil
}
