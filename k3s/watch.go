package k3s

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const (
	pollEvery = 250 * time.Millisecond
	// usual is how long a start may take before anybody asks why, and certain
	// how long a cause must be seen that no waiting mends.
	usual   = 15 * time.Second
	certain = 10 * time.Second
	// manyStarts are more than K3s takes while its server is not there yet.
	manyStarts = 5
)

// errHopeless ends a wait that no time would end.
var errHopeless = errors.New("waiting longer does not help")

// progress is how far the node is.
type progress struct {
	ok    bool
	state string
	ends  bool // K3s has ended by itself
}

// patient is one wait for a node.
type patient struct {
	*hands
	begun  time.Time
	found  cause     // the last one
	since  time.Time // when it was found first
	mended bool      // the old node of this name was removed
}

// watch waits, and names what is in the way: in the state of the wait when it
// lasts, as an error when no waiting helps or the time is over.
func (h *hands) watch(ctx context.Context, what string, limit time.Duration, holds func(context.Context) (progress, error)) error {
	p := &patient{hands: h, begun: h.Now()}
	err := converge.Wait{What: what, Every: pollEvery, Limit: limit, Gently: true}.Until(ctx, func(ctx context.Context) (bool, string, error) {
		now, err := holds(ctx)
		if now.ok || err != nil || !now.ends && h.Now().Sub(p.begun) < usual {
			return now.ok, now.state, err
		}
		hopeless, err := p.explain(ctx, &now)
		if hopeless {
			return false, "", errHopeless
		}
		return false, now.state, err
	})
	if inVain(err) {
		return h.trouble(ctx, err)
	}
	return err
}

// inVain tells a wait that saw no end from one whose look failed or that was
// cancelled.
func inVain(err error) bool {
	var late *converge.LateError
	return errors.As(err, &late) || errors.Is(err, errHopeless)
}

// explain finds out why it takes so long, mends what it can, and reports
// whether waiting is of no use.
func (p *patient) explain(ctx context.Context, now *progress) (hopeless bool, err error) {
	e, err := p.gather(ctx)
	if err != nil {
		return false, err
	}
	c := e.judge()
	if c.what == passwordRejected && !p.mended {
		p.mended, err = p.takeOver(ctx)
	}
	if err != nil || c.what == passwordRejected && p.mended {
		return false, err // the journal goes on telling of before
	}
	if c.what != p.found.what {
		p.found, p.since = c, p.Now()
	}
	if c.what != "" {
		now.state += "; " + c.what
	}
	return c.final && p.Now().Sub(p.since) >= certain || e.now.Units[e.unit].Restarts >= manyStarts, nil
}

// trouble puts the likely cause and what was seen on the node around err.
func (h *hands) trouble(ctx context.Context, err error) error {
	e, seenErr := h.gather(ctx)
	if seenErr != nil {
		return errors.Join(err, seenErr)
	}
	c := e.judge()
	if c.hint == "" {
		c.hint = fmt.Sprintf("`sudo journalctl -u %s` on %s has the whole story; then run the same command again", e.unit, e.node)
	}
	return machine.WithHint(&TroubleError{Node: e.node, Cause: c.what, Seen: e.seen(h.redact), Err: err}, "%s", c.hint)
}

// takeOver removes what the cluster knows of a machine that had this name
// before: its Node and its password (k3s pkg/nodepassword). It does so only if this one was never part of the cluster and that
// one does not answer any more.
func (h *hands) takeOver(ctx context.Context) (bool, error) {
	now, err := h.seen(ctx)
	if err != nil {
		return false, err
	}
	m, err := now.marker()
	if err != nil || m.SHA256 != "" {
		return false, err
	}
	n, err := h.object(ctx)
	if err != nil && !cluster.NotFound(err) {
		return false, err
	}
	if ready, _ := n.ready(); ready {
		return false, nil
	}
	converge.Waiting(ctx, h.node.Name+" to join; the Node and the password of the machine that had this name before are removed", "")
	for _, path := range []string{nodesPath + "/" + h.node.Name, "/api/v1/namespaces/kube-system/secrets/" + h.node.Name + ".node-password.k3s"} {
		if err := h.writer.Delete(ctx, path); err != nil {
			return false, err
		}
	}
	return true, nil
}
