package certmanager

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// runLimit is for three images out of the internet, one after the other.
const runLimit = 5 * time.Minute

// running is the step that waits until cert-manager runs as Helm was told.
type running struct{ config Config }

// ID names the step in events.
func (running) ID() string { return "certmanager/running" }

// Check judges the release and the Deployments.
func (s running) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	state, err := Look(ctx, r)
	if cluster.NotFound(err) {
		return []converge.Change{{ID: "release", Have: "no HelmChart", Want: "deployed"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return s.open(state)
}

// open is what is not yet as it should be.
func (s running) open(state State) ([]converge.Change, error) {
	values, err := valuesFor(s.config.certificates())
	if err != nil {
		return nil, err
	}
	carries, err := state.Release.Carries(values)
	if err != nil {
		return nil, err
	}
	want := "deployed, " + Package().Version
	switch {
	case state.Failed != "" || state.Release.Status != "deployed":
		return []converge.Change{{ID: "release", Have: state.String(), Want: want}}, nil
	case !carries || state.Release.Chart != Package().Version:
		return []converge.Change{{ID: "release", Have: fmt.Sprintf("%s of %s with other values, or of another chart", state.Release, state.Release.Chart), Want: want}}, nil
	case len(state.Waiting) > 0:
		return []converge.Change{{ID: "pods", Have: state.String(), Want: "running"}}, nil
	}
	return nil, nil
}

// Apply waits. It clears away a release that failed before, once.
func (s running) Apply(ctx context.Context, api cluster.API) error {
	wait := converge.Wait{
		What: "cert-manager to run", Every: 250 * time.Millisecond, Limit: runLimit,
		Cause: "Helm installs it, or its images are being loaded",
	}
	var clearing chart.Clearing
	last := State{}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		state, err := Look(ctx, api)
		if err != nil {
			return false, "", err
		}
		last = state
		open, err := s.open(state)
		if err != nil || len(open) == 0 {
			return err == nil, "", err
		}
		return false, state.String(), clearing.Clear(ctx, api, ref(), state.open)
	})
	return machine.WithHint(err, "%s", last.hint())
}

var imageWords = regexp.MustCompile(`ErrImage|ImagePull`)

// hint says what the user can do about the state.
func (s State) hint() string {
	if s.Failed != "" || s.Release.Status != "deployed" {
		return "`kubectl -n kube-system logs job/helm-install-cert-manager` shows what Helm did; `k3sedge up` tries again"
	}
	for _, p := range s.Pods {
		if imageWords.MatchString(p.Reason) {
			return "the node cannot get cert-manager's images: look whether it reaches quay.io, or put k3sedge-images-ARCH.tar.zst into the folder that k3s.bundle names"
		}
	}
	return "`kubectl -n cert-manager describe pods` shows more"
}
