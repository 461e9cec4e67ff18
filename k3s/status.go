package k3s

import (
	"context"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// Readiness is what the cluster says of a node.
type Readiness string

// The values of Readiness.
const (
	Ready    Readiness = "ready"
	NotReady Readiness = "not ready"
	Absent   Readiness = "not in the cluster"
	Unknown  Readiness = "unknown" // the API did not answer
)

// NodeStatus is how a node is.
type NodeStatus struct {
	Name string
	// Reachable is why the node itself could not be looked at; nil if it could.
	Reachable error
	Unit      string // of systemd: active, failed …; "" if it was not seen
	Since     time.Time
	Ready     Readiness
	Reason    string // why it is not ready
	Version   string // as its kubelet says
}

// Status looks at all nodes at the same time, and asks the API once. The error
// is that of the API; what the nodes themselves say is there all the same.
func Status(ctx context.Context, c Config, hosts map[string]look.Looker, api cluster.Reader) ([]NodeStatus, error) {
	s := newSite(c, hosts, api)
	out := make([]NodeStatus, len(s.views))
	var nodes map[string]nodeObject
	var err error
	var all sync.WaitGroup
	all.Go(func() { nodes, err = objects(ctx, api) })
	for i, v := range s.views {
		all.Go(func() { out[i] = v.status(ctx) })
	}
	all.Wait()
	for i := range out {
		out[i].judge(nodes, err)
	}
	return out, err
}

// status is what the node itself says.
func (v *view) status(ctx context.Context) NodeStatus {
	s := NodeStatus{Name: v.node.Name}
	name := unitOf(v.node.Role)
	now, err := v.ask(ctx, look.Request{Units: []string{name}})
	if err != nil {
		s.Reachable = err
		return s
	}
	u, err := now.unit(name)
	s.Unit, s.Since, s.Reachable = u.Active, u.Since, err
	return s
}

// judge adds what the cluster says.
func (s *NodeStatus) judge(nodes map[string]nodeObject, err error) {
	n, there := nodes[s.Name]
	ready, why := n.ready()
	s.Version = n.Status.NodeInfo.KubeletVersion
	switch {
	case err != nil:
		s.Ready = Unknown
	case !there:
		s.Ready = Absent
	case ready:
		s.Ready = Ready
	default:
		s.Ready, s.Reason = NotReady, why
	}
}
