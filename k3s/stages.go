package k3s

import (
	"context"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// Host is a node that may be changed.
type Host interface {
	machine.Host
	machine.Uploader
	look.Looker
}

// Config is what is wanted of all nodes.
type Config struct {
	Cluster inventory.Cluster
	// Files returns the release's files for an architecture. For a plan they
	// may be those that would be fetched.
	Files     func(ctx context.Context, arch string) (release.Files, error)
	Manifests []Manifest
	Now       func() time.Time // nil for the real clock
}

// Manifest is a file that K3s applies by itself at each start.
type Manifest struct {
	Name    string // of the file, such as traefik.yaml
	Content func(context.Context) ([]byte, error)
}

// ServerOf returns the server that starts the cluster and that the others join.
func ServerOf(c inventory.Cluster) (inventory.Node, bool) {
	for _, n := range c.Nodes {
		if n.Role == inventory.Server {
			return n, true
		}
	}
	return inventory.Node{}, false
}

// Stages install K3s on hosts, which are named like the nodes. api is the
// cluster's, through whichever of its servers answers.
func Stages(c Config, hosts map[string]Host, api cluster.API) []converge.Stage {
	looks := map[string]look.Looker{}
	for name, h := range hosts {
		looks[name] = h
	}
	return newSite(c, looks, api).stages(func(v *view, s steps) converge.Track {
		return converge.Bind(v.node.Name, v, &hands{view: v, host: hosts[v.node.Name], writer: api}, s...)
	})
}

// PlanStages look at the same things and have nothing to change them with.
func PlanStages(c Config, hosts map[string]look.Looker, api cluster.Reader) []converge.Stage {
	return newSite(c, hosts, api).stages(func(v *view, s steps) converge.Track {
		return converge.Observe(v.node.Name, v, s...)
	})
}

// stages are all of them in order. Only the first server can start alone;
// servers take turns in any case, because etcd takes one new member at a time.
func (s *site) stages(track func(*view, steps) converge.Track) []converge.Stage {
	var first, servers, agents []*view
	for _, v := range s.views {
		switch {
		case v == s.first:
			first = append(first, v)
		case v.node.Role == inventory.Server:
			servers = append(servers, v)
		default:
			agents = append(agents, v)
		}
	}
	stage := func(name string, views []*view, list steps) converge.Stage {
		out := converge.Stage{Name: name}
		for _, v := range views {
			out.Tracks = append(out.Tracks, track(v, list))
		}
		return out
	}
	// Who joins cannot be judged before there is something to join.
	joint := func(st converge.Stage) converge.Stage {
		st.Joint = true
		return st
	}
	out := []converge.Stage{stage("k3s files", s.views, fileSteps()), stage("k3s servers", first, nodeSteps())}
	if len(servers) > 0 {
		out = append(out, joint(stage("k3s further servers", servers, nodeSteps())))
	}
	if len(agents) > 0 {
		out = append(out, joint(stage("k3s agents", agents, nodeSteps())))
	}
	if len(s.views) > 1 {
		out = append(out, joint(stage("overlay", s.views, overlaySteps())))
	}
	return out
}
