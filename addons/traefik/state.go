package traefik

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

const daemonSetPath = "/apis/apps/v1/namespaces/" + namespace + "/daemonsets/" + name

// State is how Traefik stands on a cluster.
type State struct {
	Chart   Chart
	Failed  string // what the HelmChart, or Helm's job, says of its failure; empty if there is none
	Release chart.Release
	Image   string
	Version string // of Traefik, from the image's tag, such as 3.6.13
	// Desired pods are one for each node. Updated have the present template.
	chart.Rollout
	Pods []chart.Pod // in the order of their nodes

	settled bool // the DaemonSet's controller has seen its last change
	args    []string
	open    []chart.Release // those that are not superseded, the oldest first
}

// Look reads how Traefik stands. While K3s has not deployed its chart,
// cluster.NotFound holds for the error.
func Look(ctx context.Context, r cluster.Reader) (State, error) {
	h, c, err := lookAtChart(ctx, r)
	if err != nil {
		return State{}, err
	}
	s := State{Chart: c}
	if s.Failed, s.open, err = ref().Standing(ctx, r, h.Status); err != nil {
		return State{}, err
	}
	if len(s.open) > 0 {
		s.Release = s.open[len(s.open)-1]
	}
	if err := s.lookAtDaemonSet(ctx, r); err != nil {
		return State{}, err
	}
	if s.Pods, err = chart.Pods(ctx, r, namespace, "app.kubernetes.io/name="+name); err != nil {
		return State{}, fmt.Errorf("read the pods of Traefik: %w", err)
	}
	return s, nil
}

func (s *State) lookAtDaemonSet(ctx context.Context, r cluster.Reader) error {
	d, err := chart.Get[daemonSet](ctx, r, daemonSetPath)
	if cluster.NotFound(err) {
		return nil // Helm has yet to make it
	}
	if err != nil {
		return fmt.Errorf("read the DaemonSet of Traefik: %w", err)
	}
	s.Image, s.args = d.container()
	s.Version = versionOf(s.Image)
	s.Rollout = d.Status
	s.settled = d.Status.ObservedGeneration == d.Metadata.Generation
	return nil
}

// versionOf reads the tag of an image: "…/traefik:v3.6.13@sha256:…" is 3.6.13.
func versionOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return strings.TrimPrefix(tag, "v")
}

// String tells the state in one line, for somebody who waits.
func (s State) String() string {
	if s.Failed != "" || s.Release.Status != "deployed" {
		return cmp.Or(s.Failed, s.Release.String())
	}
	out := fmt.Sprintf("%d of %d pods ready", s.Ready, s.Desired)
	if !s.settled || s.Updated != s.Desired {
		out += fmt.Sprintf(", %d of them as Helm wants them now", s.Updated)
	}
	return out + chart.Unready(s.Pods)
}
