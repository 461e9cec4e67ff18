package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/k3sedge/k3sedge/addons"
	"github.com/k3sedge/k3sedge/addons/certmanager"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/cloudflared"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// flareConfig is what is wanted at Cloudflare for the services of a run.
func (st *site) flareConfig(services addons.Config) cloudflare.Config {
	return cloudflare.Config{
		Cluster: services.Cluster, Services: services.Services, Only: services.Only, NoFolder: services.NoFolder, Adopt: st.adopt,
		Held:    func(ctx context.Context) (string, error) { return cloudflared.HeldTunnel(ctx, st.kube()) },
		Secrets: st.secret,
		Warn:    func(text, hint string) { warn(st.streams, text, hint) },
	}
}

// flareClient reaches Cloudflare with the token that the file names. Nothing
// is contacted, and no token resolved, before the first request.
func (st *site) flareClient() *cloudflare.Client {
	return cloudflare.New(cloudflare.Settings{Token: func(ctx context.Context) (inventory.Secret, error) {
		return st.secret(ctx, st.project.Cluster.Edge.Cloudflare.Token)
	}})
}

func (st *site) tunnelConfig(run *cloudflare.Run) cloudflared.Config {
	return cloudflared.Config{Cluster: st.project.Cluster, Services: st.project.Services, Connector: run.Connector}
}

func (st *site) certmanagerConfig() (certmanager.Config, error) {
	cache, err := st.cacheFor("charts")
	return certmanager.Config{
		Cluster: st.project.Cluster, Secrets: st.secret, Cache: cache, Adopt: st.adopt,
		Bundled: func(ctx context.Context, file string) (string, error) {
			found, err := release.Source{K3s: *st.project.Cluster.K3s}.Bundled(ctx, file)
			return found.Path, err
		},
	}, err
}

// edgeStages are what `up` does beyond Traefik, in order: what services need,
// and then the services. What leads to a service that goes is taken away
// before the service, and is made after it.
func (st *site) edgeStages() ([]converge.Stage, error) {
	certs, services, err := st.edgeConfigs("")
	if err != nil {
		return nil, err
	}
	api, run := st.kube(), st.namesFor(services)
	return st.around(certmanager.Stages(certs, api),
		run.Tunnel(), cloudflared.Stages(st.tunnelConfig(run), api), st.serviceStages(services, run)), nil
}

// edgePlan are the same stages without any hand to change something.
func (st *site) edgePlan() ([]converge.Stage, error) {
	certs, services, err := st.edgeConfigs("")
	if err != nil {
		return nil, err
	}
	api, run := st.kube(), cloudflare.Observe(st.flareConfig(services), st.flareClient())
	return st.around(certmanager.PlanStages(certs, api),
		run.Tunnel(), cloudflared.PlanStages(st.tunnelConfig(run), api), run.Withdraw(), addons.PlanStages(services, api, run.Publish()...)), nil
}

// around has cert-manager before the services, which need it. Where it goes it
// is behind them, so that it still takes back what it has begun for them.
func (st *site) around(certs []converge.Stage, rest ...[]converge.Stage) []converge.Stage {
	if certmanager.Wanted(st.project.Cluster) {
		return append(certs, slices.Concat(rest...)...)
	}
	return append(slices.Concat(rest...), certs...)
}

// serviceStages bring services, or take them away, with all that leads to them.
func (st *site) serviceStages(services addons.Config, run *cloudflare.Run) []converge.Stage {
	return append(run.Withdraw(), addons.Stages(services, st.kube(), run.Publish()...)...)
}

// namesFor is the work at Cloudflare for the services of a run.
func (st *site) namesFor(services addons.Config) *cloudflare.Run {
	return cloudflare.Bind(st.flareConfig(services), st.flareClient())
}

// someService are the stages for one service. With local management the
// tunnel's rules are in the cluster, with cloudflared.
func (st *site) someService(services addons.Config, run *cloudflare.Run) []converge.Stage {
	stages := st.serviceStages(services, run)
	if tunnel := st.project.Cluster.Edge.Tunnel; tunnel != nil && tunnel.Management == inventory.TunnelLocal {
		stages = append(cloudflared.Stages(st.tunnelConfig(run), st.kube()), stages...)
	}
	return stages
}

func (st *site) edgeConfigs(only string) (certmanager.Config, addons.Config, error) {
	certs, err := st.certmanagerConfig()
	services, errServices := st.addonsConfig(only)
	return certs, services, errors.Join(err, errServices)
}
