package certmanager

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// State is how cert-manager stands on a cluster.
type State struct {
	Failed  string // what the HelmChart, or Helm's job, says of its failure; empty if there is none
	Release chart.Release
	// Waiting are the Deployments that do not run as Helm wants them.
	Waiting []string
	Pods    []chart.Pod

	open []chart.Release
}

// Look reads how cert-manager stands. While its HelmChart is not there,
// cluster.NotFound holds for the error.
func Look(ctx context.Context, r cluster.Reader) (State, error) {
	h, err := chart.Get[struct{ Status chart.Status }](ctx, r, ref().Path())
	if err != nil {
		return State{}, fmt.Errorf("read the HelmChart of cert-manager: %w", err)
	}
	s := State{}
	if s.Failed, s.open, err = ref().Standing(ctx, r, h.Status); err != nil {
		return State{}, err
	}
	if len(s.open) > 0 {
		s.Release = s.open[len(s.open)-1]
	}
	for _, d := range deployments() {
		runs, err := runs(ctx, r, d)
		if err != nil {
			return State{}, err
		}
		if !runs {
			s.Waiting = append(s.Waiting, d)
		}
	}
	if len(s.Waiting) == 0 {
		return s, nil
	}
	s.Pods, err = chart.Pods(ctx, r, namespace, "app.kubernetes.io/instance="+name)
	if err != nil {
		return State{}, fmt.Errorf("read the pods of cert-manager: %w", err)
	}
	return s, nil
}

func runs(ctx context.Context, r cluster.Reader, deployed string) (bool, error) {
	d, err := chart.Get[deployment](ctx, r, "/apis/apps/v1/namespaces/"+namespace+"/deployments/"+deployed)
	if cluster.NotFound(err) {
		return false, nil // Helm has yet to make it
	}
	if err != nil {
		return false, fmt.Errorf("read the Deployment %s: %w", deployed, err)
	}
	replicas := 1
	if d.Spec.Replicas != nil {
		replicas = *d.Spec.Replicas
	}
	return d.Status.ObservedGeneration == d.Metadata.Generation && d.Status.Updated >= replicas && d.Status.Available >= replicas, nil
}

// String tells the state in one line, for somebody who waits.
func (s State) String() string {
	if s.Failed != "" || s.Release.Status != "deployed" {
		return cmp.Or(s.Failed, s.Release.String())
	}
	if len(s.Waiting) == 0 {
		return "running"
	}
	out := "not ready: " + strings.Join(s.Waiting, ", ")
	for _, p := range s.Pods {
		if !p.Ready {
			out += fmt.Sprintf("; %s on %s: %s", p.Name, cmp.Or(p.Node, "no node"), p.Reason)
		}
	}
	return out
}
