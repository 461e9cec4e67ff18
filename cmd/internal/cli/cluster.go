package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/addons"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s"
	"github.com/k3sedge/k3sedge/k3s/kubeapi"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// errNoK3s is work on a cluster that the file does not want.
var errNoK3s = errors.New("the file has no k3s section: its machines are no cluster")

// needK3s refuses what only a cluster can do.
func (st *site) needK3s() error {
	if st.project.Cluster.K3s == nil {
		return usageError{machine.WithHint(errNoK3s, "add `k3s: {}` to it; k3sedge up installs it then")}
	}
	return nil
}

// useBundle takes the release from another folder than the file says; "" leaves it.
func (st *site) useBundle(folder string) error {
	if folder == "" {
		return nil
	}
	if err := st.needK3s(); err != nil {
		return err
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return usagef("name the folder with the files of a release, such as k3s and sha256sum-amd64.txt", "--bundle %s: there is no such folder", folder)
	}
	st.project.Cluster.K3s.Bundle = folder
	return nil
}

// kube is the cluster's API. Nothing is contacted before the first request.
func (st *site) kube() *kubeapi.Client {
	if st.api == nil {
		all := st.servers()
		st.api = kubeapi.New(kubeapi.Config{Dialer: all, Kubeconfig: all.Kubeconfig})
	}
	return st.api
}

// clusterStages are what `up` does beyond the machines, in order.
func (st *site) clusterStages() ([]converge.Stage, error) {
	if st.project.Cluster.K3s == nil {
		return nil, nil
	}
	config, err := st.k3sConfig(fetch)
	if err != nil {
		return nil, err
	}
	hosts := map[string]k3s.Host{}
	for name, g := range st.guests {
		hosts[name] = g
	}
	api := st.kube()
	stages := k3s.Stages(config, hosts, api)
	stages = append(stages, traefik.Stages(st.traefikConfig(), api)...)
	more, err := st.edgeStages()
	return append(stages, more...), err
}

// clusterPlan are the same stages without any hand to change something.
func (st *site) clusterPlan() ([]converge.Stage, error) {
	if st.project.Cluster.K3s == nil {
		return nil, nil
	}
	config, err := st.k3sConfig(find)
	if err != nil {
		return nil, err
	}
	api := st.kube()
	stages := k3s.PlanStages(config, st.lookers(), api)
	stages = append(stages, traefik.PlanStages(st.traefikConfig(), api)...)
	more, err := st.edgePlan()
	return append(stages, more...), err
}

// lookers are the nodes, for those who may only look.
func (st *site) lookers() map[string]look.Looker {
	out := map[string]look.Looker{}
	for name, g := range st.guests {
		out[name] = g
	}
	return out
}

// k3sConfig is what is wanted of the nodes; files finds those of the release.
func (st *site) k3sConfig(files func(context.Context, release.Source, string) (release.Files, error)) (k3s.Config, error) {
	c := st.project.Cluster
	source := release.Source{K3s: *c.K3s}
	if c.K3s.Bundle == "" {
		var err error
		if source.Cache, err = st.cacheFor("k3s"); err != nil {
			return k3s.Config{}, err
		}
	}
	manifest := func(ctx context.Context) ([]byte, error) { return st.traefikManifest(ctx, source.Version()) }
	return k3s.Config{
		Cluster: c, Manifests: []k3s.Manifest{{Name: "k3sedge-traefik.yaml", Content: manifest}}, Now: time.Now,
		Files: func(ctx context.Context, arch string) (release.Files, error) { return files(ctx, source, arch) },
	}, nil
}

// cacheFor is where downloads of one kind are kept.
func (st *site) cacheFor(kind string) (string, error) {
	cache, err := st.streams.cacheDir()
	return filepath.Join(cache, kind), err
}

// traefikManifest configures Traefik from its first start on. K3s applies it
// anew whenever it starts, so it has to fit the chart that the cluster names;
// before the first start, and before an upgrade, there is only a table to ask.
func (st *site) traefikManifest(ctx context.Context, version string) ([]byte, error) {
	chart, err := st.chart(ctx, version)
	if err != nil {
		if chart, err = traefik.ChartFor(version); err != nil {
			return nil, err
		}
	}
	return traefik.Manifest(st.project.Cluster, chart, st.ranges)
}

// errOtherVersion is a cluster that runs another K3s than is wanted.
var errOtherVersion = errors.New("the cluster runs another version")

// chart is what the cluster names, if it runs the wanted K3s already.
func (st *site) chart(ctx context.Context, version string) (traefik.Chart, error) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	document, err := st.kube().Get(ctx, "/version")
	if err != nil {
		return traefik.Chart{}, err
	}
	var runs struct{ GitVersion string }
	if err := json.Unmarshal(document, &runs); err != nil || runs.GitVersion != version {
		return traefik.Chart{}, errors.Join(errOtherVersion, err)
	}
	return traefik.ChartOnCluster(ctx, st.kube())
}

func (st *site) traefikConfig() traefik.Config {
	return traefik.Config{Cluster: st.project.Cluster, Ranges: st.ranges}
}

// addonsConfig is for one service, or for all of them.
func (st *site) addonsConfig(only string) (addons.Config, error) {
	networks, err := loadRanges(st.file)
	return addons.Config{
		Cluster: st.project.Cluster, Services: st.project.Services, Cloudflare: networks, Only: only, NoFolder: st.project.NoServicesFolder && only == "",
		Secrets: st.secret, Signer: cloudflare.OriginCA{API: st.flareClient()},
	}, err
}

type resolver = func(context.Context, inventory.SecretRef) (inventory.Secret, error)

// once resolves each reference a single time: its command may ask somebody.
func once(resolve resolver) resolver {
	var mu sync.Mutex
	known := map[inventory.SecretRef]inventory.Secret{}
	return func(ctx context.Context, ref inventory.SecretRef) (inventory.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if secret, ok := known[ref]; ok {
			return secret, nil
		}
		secret, err := resolve(ctx, ref)
		if err == nil {
			known[ref] = secret
		}
		return secret, err
	}
}

// published are the networks outside of the LAN that the edge is open to.
func published(c inventory.Cluster, file string) ([]netip.Prefix, error) {
	if c.Edge == nil || c.Edge.Mode != inventory.EdgePortForward {
		return nil, nil
	}
	return loadRanges(file)
}

// fetch downloads what is missing and tells the step that waits for it.
func fetch(ctx context.Context, source release.Source, arch string) (release.Files, error) {
	source.Progress = func(file string, done, total int64) {
		converge.Waiting(ctx, fmt.Sprintf("download of %s: %s", file, share(done, total)), "")
	}
	return source.Fetch(ctx, arch)
}

// find is what is there or would be downloaded.
func find(ctx context.Context, source release.Source, arch string) (release.Files, error) {
	files, _, err := source.Look(ctx, arch)
	return files, err
}

// The two halves of a progress bar.
const barDone, barLeft = "█", "░"

// share says how much of a file is there: "███░░░ 34 of 68 MB".
func share(done, total int64) string {
	const megabyte = 1e6
	if total <= 0 {
		return fmt.Sprintf("%.0f MB", float64(done)/megabyte)
	}
	const width = 20
	full := int(min(max(done, 0), total) * width / total)
	return fmt.Sprintf("%s%s %.0f of %.0f MB", strings.Repeat(barDone, full), strings.Repeat(barLeft, width-full), float64(done)/megabyte, float64(total)/megabyte)
}
