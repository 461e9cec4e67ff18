package traefik

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const chartHint = "K3s deploys it when it starts: see `journalctl -u k3s` on the first server, and whether its config.yaml disables traefik"

// configured is the step that gives K3s' chart our values, in the words of
// the version of the chart that is really there.
type configured struct{ config Config }

// ID names the step in events.
func (configured) ID() string { return "traefik/configured" }

// Check returns one change for each value that differs.
func (s configured) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	_, changes, err := s.compare(ctx, r)
	if cluster.NotFound(err) {
		// Said by an API that answers: K3s has yet to deploy what it carries.
		return []converge.Change{{ID: "chart", Have: "not deployed by K3s yet", Want: "deployed, and with our values"}}, nil
	}
	return changes, err
}

// Apply waits for the chart and writes the configuration, unless K3s applied
// the same from its folder of manifests already.
func (s configured) Apply(ctx context.Context, api cluster.API) error {
	wait := converge.Wait{
		What: "K3s to deploy its Traefik chart", Every: 200 * time.Millisecond, Limit: 3 * time.Minute,
		Cause: "K3s is still starting, or its config.yaml disables traefik",
	}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		_, err := ChartOnCluster(ctx, api)
		if cluster.NotFound(err) {
			return false, "", nil
		}
		return err == nil, "", err
	})
	if err != nil {
		return machine.WithHint(err, chartHint)
	}
	want, changes, err := s.compare(ctx, api)
	if err != nil || len(changes) == 0 {
		return err
	}
	o, err := object.ToCluster(want)
	if err != nil {
		return fmt.Errorf("render Traefik's configuration: %w", err)
	}
	if err := api.Apply(ctx, o); err != nil {
		return fmt.Errorf("write Traefik's configuration: %w", err)
	}
	return nil
}

// compare renders the configuration for the cluster's chart. Where it is not
// what is there, the chart must have accepted it.
func (s configured) compare(ctx context.Context, r cluster.Reader) (want object.HelmChartConfig, _ []converge.Change, _ error) {
	h, c, err := lookAtChart(ctx, r)
	if err != nil {
		return want, nil, err
	}
	if want, err = ConfigFor(s.config.Cluster, c, s.config.Ranges); err != nil {
		return want, nil, err
	}
	have, err := chart.Get[object.HelmChartConfig](ctx, r, object.Path(want))
	if err != nil && !cluster.NotFound(err) {
		return want, nil, fmt.Errorf("read Traefik's configuration: %w", err)
	}
	changes := differences(have.Spec, want.Spec)
	if len(changes) == 0 {
		return want, nil, nil
	}
	return want, changes, s.validate(ctx, r, h, c)
}

// validate has Helm judge the values with the very chart that the server
// carries and hands out to anybody (k3s pkg/server/handlers). K3s' packages of
// the chart come without its schema, so that an unknown key is passed over in
// silence: the arguments tell.
func (s configured) validate(ctx context.Context, r cluster.Reader, h helmChart, c Chart) error {
	tgz, err := r.Get(ctx, "/static/charts/"+c.File)
	if cluster.NotFound(err) {
		err = &cluster.AwayError{Method: "GET", Path: "/static/charts/" + c.File, Err: err}
	}
	if err != nil {
		return fmt.Errorf("get Traefik's chart: %w", err)
	}
	v := newValues(s.config.Cluster, c, s.config.Ranges)
	ours, err := v.encode()
	if err != nil {
		return err
	}
	d, err := render(tgz, []byte(h.Spec.ValuesContent), ours)
	if err != nil {
		return err
	}
	_, args := d.container()
	if missing, extra := differingArgs(args, v.args()); len(missing)+len(extra) > 0 {
		return machine.WithHint(fmt.Errorf("%s leaves out of our values what leads to %s", c, strings.Join(append(missing, extra...), " ")),
			"Traefik stays as it is; choose another release of K3s as k3s.version")
	}
	return nil
}

// differences names each value that is not as wanted.
func differences(have, want object.HelmChartConfigSpec) []converge.Change {
	if have == want {
		return nil
	}
	if have == (object.HelmChartConfigSpec{}) {
		return []converge.Change{{ID: "configuration", Have: "none", Want: "a pod on each node's own network, with our entrypoints"}}
	}
	var out []converge.Change
	if have.FailurePolicy != want.FailurePolicy {
		out = append(out, converge.Change{ID: "failurePolicy", Have: have.FailurePolicy, Want: want.FailurePolicy})
	}
	old, err := chart.Leaves(have.ValuesContent)
	if err != nil {
		return append(out, converge.Change{ID: "values", Have: "not readable", Want: "ours"})
	}
	now, _ := chart.Leaves(want.ValuesContent) // we have just written them
	keys := maps.Clone(old)
	maps.Copy(keys, now)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if old[key] != now[key] {
			out = append(out, converge.Change{ID: key, Have: old[key], Want: now[key]})
		}
	}
	if len(out) == 0 {
		out = []converge.Change{{ID: "values", Have: "the same in another form", Want: "as we write them"}}
	}
	return out
}
