package k3s

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
)

// Another server may be named first later: the cluster's tokens stay, in the
// form that a first server takes.
func TestAnotherServerIsNamedFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Server, inventory.Server)
		w.mustUp()
		before := w.token("edge-1")
		nodes := w.c.Cluster.Nodes
		nodes[0], nodes[1] = nodes[1], nodes[0]
		w.mustUp()
		if after := w.token("edge-2"); after != before || !fullToken.MatchString(w.token("edge-1")) {
			t.Errorf("edge-2 has %q, wanted %q", after, before)
		}
	})
}

// Where others run and the first one does not, it would begin a second cluster,
// which the others would then be told to join.
func TestASecondClusterIsNotBegun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Server, inventory.Server)
		w.mustUp()
		w.hosts["edge-1"] = w.host(w.c.Cluster.Nodes[0], 0)
		w.forget()
		r, err := w.plan()
		if err != nil || !strings.Contains(w.log.text(), "edge-1 k3s/founder step-differs") {
			t.Errorf("plan: %+v, %v", r, err)
		}
		if _, err = w.up(); err == nil || !strings.Contains(err.Error(), "edge-2 is part of a cluster") || !strings.Contains(hintOf(err), "nodes") {
			t.Errorf("got %v, hint %q", err, hintOf(err))
		}
		if done := w.changes(); slices.ContainsFunc(done, func(c string) bool { return strings.Contains(c, configPath) || strings.Contains(c, "systemctl") }) {
			t.Errorf("changed all the same: %q", done)
		}
	})
}
