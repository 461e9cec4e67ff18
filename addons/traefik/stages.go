package traefik

import (
	"net/netip"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// Config is what Traefik is to be.
type Config struct {
	Cluster inventory.Cluster
	Ranges  []netip.Prefix // Cloudflare's, for mode portforward; see LoadRanges
}

type step = converge.Step[cluster.Reader, cluster.API]

// Stages brings Traefik to run on every node as the cluster's file says.
func Stages(c Config, api cluster.API) []converge.Stage {
	return stage(converge.Bind[cluster.Reader]("", api, api, steps(c)...))
}

// PlanStages looks at what Stages would change.
func PlanStages(c Config, r cluster.Reader) []converge.Stage {
	return stage(converge.Observe("", r, steps(c)...))
}

func steps(c Config) []step { return []step{configured{c}, running{c}} }

func stage(t converge.Track) []converge.Stage {
	return []converge.Stage{{Name: "traefik", Tracks: []converge.Track{t}, Joint: true}}
}
