package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/k3sedge/k3sedge/addons"
	"github.com/k3sedge/k3sedge/addons/certmanager"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/cloudflared"
	"github.com/k3sedge/k3sedge/addons/gitops"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// exported are all objects that the cluster's stages would apply, in the order
// of `up`. Cloudflare is asked for the tunnel, and the cluster only where nothing
// at Cloudflare shows that the tunnel is its own. Only for sealing are the
// secrets of the file asked for.
func (st *site) exported(ctx context.Context, sealing bool) ([]gitops.Group, error) {
	var out []gitops.Group
	for _, source := range []func(context.Context, bool) ([]gitops.Group, error){
		st.traefikExport,
		st.certmanagerExport,
		st.tunnelExport,
		st.servicesExport,
	} {
		groups, err := source(ctx, sealing)
		if err != nil {
			return nil, err
		}
		out = append(out, groups...)
	}
	return out, nil
}

// traefikExport goes by the table: what chart a running cluster has is not asked.
func (st *site) traefikExport(context.Context, bool) ([]gitops.Group, error) {
	chart, err := traefik.ChartFor(release.Source{K3s: *st.project.Cluster.K3s}.Version())
	if err != nil {
		return nil, usageError{err}
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
	if err != nil {
		return nil, usageError{err} // a file, or what it refers to
	}
	var out []gitops.Group
	for _, g := range groups {
		part := gitops.PartServices
		if g.Service == "" {
			part = gitops.PartEdge
		}
		out = append(out, gitops.Group{Part: part, Name: g.Service, Objects: g.Objects, Filled: g.Filled})
	}
	return out, nil
}

// certmanagerExport gets the chart, unless it is in the cache or the bundle.
func (st *site) certmanagerExport(ctx context.Context, sealing bool) ([]gitops.Group, error) {
	config, err := st.certmanagerConfig()
	if err != nil || !certmanager.Wanted(st.project.Cluster) {
		return nil, err
	}
	if !sealing {
		config.Secrets = nil
	} else if err := st.needTokens(ctx); err != nil {
		return nil, err
	}
	install, issuers, err := certmanager.Exported(ctx, config)
	return []gitops.Group{{Part: gitops.PartCertManager, Objects: install}, {Part: gitops.PartIssuers, Objects: issuers}}, err
}

// needTokens follows the references to the tokens of Cloudflare, before anybody
// is asked for anything.
func (st *site) needTokens(ctx context.Context) error {
	edge := st.project.Cluster.Edge
	if _, err := st.secret(ctx, edge.Cloudflare.Token); err != nil {
		return usageError{fmt.Errorf("edge.cloudflare.token: %w", err)}
	}
	if edge.Certificates == nil || edge.Certificates.Token == nil {
		return nil
	}
	if _, err := st.secret(ctx, *edge.Certificates.Token); err != nil {
		return usageError{fmt.Errorf("edge.certificates.token: %w", err)}
	}
	return nil
}

// errNoTunnel is an export before the first run.
var errNoTunnel = errors.New("there is no tunnel at Cloudflare yet, which cloudflared would serve")

// tunnelExport asks Cloudflare which tunnel is served.
func (st *site) tunnelExport(ctx context.Context, _ bool) ([]gitops.Group, error) {
	c := st.project.Cluster
	if !c.Edge.OverCloudflare() {
		return nil, nil
	}
	services, err := st.addonsConfig("")
	if err != nil {
		return nil, err
	}
	if err := st.needTokens(ctx); err != nil {
		return nil, err
	}
	connector, err := cloudflare.Observe(st.flareConfig(services), st.flareClient()).Connector(ctx)
	if err != nil {
		return nil, couldNotLook{err}
	}
	if connector.Tunnel == "" {
		return nil, machine.WithHint(errNoTunnel, "k3sedge up makes it")
	}
	objects, err := cloudflared.Objects(c, st.project.Services, connector)
	return []gitops.Group{{Part: gitops.PartTunnel, Objects: objects}}, err
}
