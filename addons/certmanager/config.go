package certmanager

import (
	"context"
	"fmt"
	"os"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// Config is what cert-manager is to be.
type Config struct {
	Cluster inventory.Cluster
	// Secrets resolves what the file refers to. Only Exported goes without it.
	Secrets func(context.Context, inventory.SecretRef) (inventory.Secret, error)
	// Bundled finds a file in the user's bundle and holds it against its
	// checksum. Without that file it returns "". Nil means that there is no bundle.
	Bundled func(ctx context.Context, file string) (path string, err error)
	// Cache is a folder for the chart; empty for none.
	Cache string
	// Adopt takes over a cert-manager that was installed by hand, where that can be done.
	Adopt bool

	unknown bool // the token is named and not held
}

type step = converge.Step[cluster.Reader, cluster.API]

// Wanted reports whether certificates come from cert-manager.
func Wanted(c inventory.Cluster) bool {
	return c.Edge != nil && c.Edge.Certificates != nil && c.Edge.Certificates.Issuer != inventory.IssuerOrigin
}

// Stages brings cert-manager to run with its issuers, or takes ours away where
// certificates come from elsewhere.
func Stages(c Config, api cluster.API) []converge.Stage {
	return stage(c, func(steps []step) converge.Track { return converge.Bind[cluster.Reader]("", api, api, steps...) })
}

// PlanStages looks at what Stages would change.
func PlanStages(c Config, r cluster.Reader) []converge.Stage {
	return stage(c, func(steps []step) converge.Track { return converge.Observe("", r, steps...) })
}

func steps(c Config) []step {
	if !Wanted(c.Cluster) {
		return []step{gone{}}
	}
	return []step{installed{c}, running{c}, issuers{c}}
}

func stage(c Config, track func([]step) converge.Track) []converge.Stage {
	return []converge.Stage{{Name: "certmanager", Tracks: []converge.Track{track(steps(c))}, Joint: true}}
}

func (c Config) certificates() inventory.Certificates { return *c.Cluster.Edge.Certificates }

// chart returns the packed chart.
func (c Config) chart(ctx context.Context) ([]byte, error) {
	pkg := Package()
	if c.Bundled != nil {
		path, err := c.Bundled(ctx, pkg.File())
		if err != nil {
			return nil, err
		}
		if path != "" {
			return os.ReadFile(path)
		}
	}
	tgz, err := chart.Puller{Cache: c.Cache}.Pull(ctx, pkg)
	if err != nil {
		return nil, fmt.Errorf("get the chart of cert-manager: %w", err)
	}
	return tgz, nil
}
