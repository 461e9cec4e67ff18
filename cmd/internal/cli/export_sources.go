package cli

import (
	"context"

	"github.com/k3sedge/k3sedge/addons"
	"github.com/k3sedge/k3sedge/addons/gitops"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/k3s/release"
)

// exported are all objects that the cluster's stages would apply, in the order
// of `up`. Only for sealing are secrets asked for.
func (st *site) exported(ctx context.Context, sealing bool) ([]gitops.Group, error) {
	var out []gitops.Group
	for _, source := range []func(context.Context, bool) ([]gitops.Group, error){
		st.traefikExport,
		st.servicesExport,
	} {
		groups, err := source(ctx, sealing)
		if err != nil {
			return nil, usageError{err}
		}
		out = append(out, groups...)
	}
	return out, nil
}

// traefikExport goes by the table: what chart a running cluster has is not asked.
func (st *site) traefikExport(context.Context, bool) ([]gitops.Group, error) {
	chart, err := traefik.ChartFor(release.Source{K3s: *st.project.Cluster.K3s}.Version())
	if err != nil {
		return nil, err
	}
	config, err := traefik.ConfigFor(st.project.Cluster, chart, st.ranges)
	return []gitops.Group{{Part: gitops.PartTraefik, Objects: []object.Object{config}}}, err
}

func (st *site) servicesExport(ctx context.Context, sealing bool) ([]gitops.Group, error) {
	config, err := st.addonsConfig("")
	if err != nil {
		return nil, err
	}
	if !sealing {
		config.Secrets = nil
	}
	groups, err := addons.Groups(ctx, config)
	var out []gitops.Group
	for _, g := range groups {
		part := gitops.PartServices
		if g.Service == "" {
			part = gitops.PartEdge
		}
		out = append(out, gitops.Group{Part: part, Name: g.Service, Objects: g.Objects})
	}
	return out, err
}
