package traefik

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const runLimit = 5 * time.Minute

// running is the step that waits until Traefik runs everywhere as configured,
// and clears away what keeps it from it.
type running struct{ config Config }

// ID names the step in events.
func (running) ID() string { return "traefik/running" }

// Check judges the release, the DaemonSet and its arguments.
func (s running) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	state, err := Look(ctx, r)
	if cluster.NotFound(err) {
		return []converge.Change{{ID: "chart", Have: "not deployed by K3s yet", Want: "deployed, and running on every node"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return s.open(state)
}

// Apply changes nothing itself as long as Helm and the DaemonSet get on.
func (s running) Apply(ctx context.Context, api cluster.API) error {
	m := mender{api: api, restarted: map[string]string{}}
	var last State
	wait := converge.Wait{
		What: "Traefik to run on every node", Every: 250 * time.Millisecond, Limit: runLimit,
		Cause: "Helm installs it, or its image is being loaded",
	}
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
		return false, state.String(), m.mend(ctx, state, open)
	})
	return machine.WithHint(err, "%s", last.hint())
}

// open lists what is not yet as it should be, in the order in which it comes about.
func (s running) open(state State) ([]converge.Change, error) {
	v := newValues(s.config.Cluster, state.Chart, s.config.Ranges)
	ours, err := v.encode()
	if err != nil {
		return nil, err
	}
	carries, err := state.Release.Carries(ours)
	if err != nil {
		return nil, err
	}
	nodes := len(s.config.Cluster.Nodes)
	missing, extra := differingArgs(state.args, v.args())
	switch {
	case state.Failed != "":
		return []converge.Change{{ID: idRelease, Have: state.Failed, Want: "deployed"}}, nil
	case state.Release.Status != "deployed":
		return []converge.Change{{ID: idRelease, Have: state.Release.String(), Want: "deployed"}}, nil
	case !carries:
		return []converge.Change{{ID: idRelease, Have: state.Release.String() + " without our values", Want: "deployed with our values"}}, nil
	case len(missing)+len(extra) > 0:
		return []converge.Change{{ID: "arguments", Have: "without " + strings.Join(missing, " ") + " with " + strings.Join(extra, " "), Want: "our entrypoints"}}, nil
	case !state.settled || !state.On(nodes):
		return []converge.Change{{ID: idPods, Have: state.String(), Want: fmt.Sprintf("%d of %d pods ready", nodes, nodes)}}, nil
	}
	return nil, nil
}

// What a change of this step can be about, where it can be mended.
const (
	idRelease = "release"
	idPods    = "pods"
)

// mender takes away what does not go away by itself, each thing once: what
// comes back after that has a cause which only the user can mend.
type mender struct {
	api       cluster.API
	clearing  chart.Clearing
	restarted map[string]string // the UID of the pod that was deleted on a node
}

func (m *mender) mend(ctx context.Context, state State, open []converge.Change) error {
	switch open[0].ID {
	case idRelease:
		return m.clearing.Clear(ctx, m.api, ref(), state.open)
	case idPods:
		return m.restart(ctx, state)
	}
	return nil
}

// restart replaces pods that wait longer after each crash, although the cause
// may have been mended in this very run.
func (m *mender) restart(ctx context.Context, state State) error {
	for _, p := range state.Pods {
		before, ok := m.restarted[p.Node]
		switch {
		case !p.Crashes || before == p.UID:
			continue
		case ok:
			return fmt.Errorf("pod of Traefik on %s crashes: %s", p.Node, p.Reason)
		}
		m.restarted[p.Node] = p.UID
		if err := m.api.Delete(ctx, p.Path(namespace)); err != nil {
			return fmt.Errorf("restart Traefik on %s: %w", p.Node, err)
		}
	}
	return nil
}

// remedy is what helps against a reason that is found in a pod's words.
type remedy struct {
	words *regexp.Regexp
	hint  string
}

var (
	deniedWords = regexp.MustCompile(`(?i)bind: permission denied`)
	inUseWords  = regexp.MustCompile(`(?i)address already in use`)
	takenWords  = regexp.MustCompile(`(?i)free ports`)
	imageWords  = regexp.MustCompile(`ErrImage|ImagePull`)
)

func remedies() []remedy {
	return []remedy{
		{deniedWords, "net.ipv4.ip_unprivileged_port_start must be 80 on the node; `k3sedge harden` sets it"},
		{inUseWords, "another program on the node has the port; `ss -ltnp` there names it"},
		{takenWords, "other pods hold Traefik's ports on the node: `disable: [servicelb]` must stand in /etc/rancher/k3s/config.yaml, and no pod may use the host ports 80, 443, 8080, 8444 and 9101"},
		{imageWords, "the node has no image of Traefik and cannot get one; the release's air-gap images belong into /var/lib/rancher/k3s/agent/images"},
	}
}

// hint says what the user can do about the state.
func (s State) hint() string {
	if s.Failed != "" || s.Release.Status != "deployed" {
		return "`kubectl -n kube-system logs job/helm-install-traefik` shows what Helm did; Traefik as it ran before goes on running"
	}
	for _, p := range s.Pods {
		for _, r := range remedies() {
			if !p.Ready && r.words.MatchString(p.Reason) {
				return r.hint
			}
		}
	}
	return "`kubectl -n kube-system describe daemonset traefik` and its pods show more"
}
