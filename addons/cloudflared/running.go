package cloudflared

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

// runLimit is for an image out of the internet, on one node after the other.
const runLimit = 5 * time.Minute

// State is how cloudflared stands on the cluster.
type State struct {
	Image string
	chart.Rollout
	Pods []chart.Pod // in the order of their nodes

	settled bool // the DaemonSet's controller has seen its last change
}

type daemonSet struct {
	Metadata struct {
		Generation int64 `json:"generation"`
	} `json:"metadata"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Image string `json:"image"`
				} `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
	Status chart.Rollout `json:"status"`
}

// Look reads how cloudflared stands. While it is not there, cluster.NotFound
// holds for the error.
func Look(ctx context.Context, r cluster.Reader) (State, error) {
	d, err := chart.Get[daemonSet](ctx, r, daemonSetPath())
	if err != nil {
		return State{}, err
	}
	s := State{Rollout: d.Status, settled: d.Status.ObservedGeneration == d.Metadata.Generation}
	for _, c := range d.Spec.Template.Spec.Containers {
		s.Image = c.Image
	}
	if s.Pods, err = chart.Pods(ctx, r, Namespace, "app.kubernetes.io/name="+name); err != nil {
		return State{}, fmt.Errorf("read the pods of cloudflared: %w", err)
	}
	for i, p := range s.Pods {
		if !p.Ready && !p.Crashes {
			if said := lastError(ctx, r, p); said != "" {
				s.Pods[i].Reason += ": " + said
			}
		}
	}
	return s, nil
}

// errorLine is how cloudflared logs what went wrong.
var errorLine = regexp.MustCompile(`(?m)^\S+ (?:ERR|FTL) (.*)$`)

// lastError is what a pod that runs and is not connected says about it, or "".
func lastError(ctx context.Context, r cluster.Reader, p chart.Pod) string {
	// A log that cannot be had leaves the reason without its detail.
	text, _ := r.Get(ctx, p.Path(Namespace)+"/log?tailLines=30")
	found := errorLine.FindAllStringSubmatch(string(text), -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// String tells the state in one line, for somebody who waits.
func (s State) String() string {
	out := fmt.Sprintf("%d of %d pods connected", s.Ready, s.Desired)
	if !s.settled || s.Updated != s.Desired {
		out += fmt.Sprintf(", %d of them as they are to be now", s.Updated)
	}
	return out + chart.Unready(s.Pods)
}

// running is the step that waits until each node is connected.
type running struct{ config Config }

// ID names the step in events.
func (running) ID() string { return "cloudflared/running" }

// Check judges the DaemonSet.
func (s running) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	want := fmt.Sprintf("%d of %d pods connected", len(s.config.Cluster.Nodes), len(s.config.Cluster.Nodes))
	state, err := Look(ctx, r)
	if cluster.NotFound(err) {
		return []converge.Change{{ID: "pods", Have: "none", Want: want}}, nil
	}
	if err != nil || s.holds(state) {
		return nil, err
	}
	return []converge.Change{{ID: "pods", Have: state.String(), Want: want}}, nil
}

func (s running) holds(state State) bool {
	nodes := len(s.config.Cluster.Nodes)
	return state.settled && state.On(nodes)
}

// Apply changes nothing itself: it waits.
func (s running) Apply(ctx context.Context, api cluster.API) error {
	var last State
	w := converge.Wait{What: "cloudflared to connect from every node", Every: 250 * time.Millisecond, Limit: runLimit,
		Cause: "its image is being loaded, or the nodes do not reach Cloudflare on port 7844"}
	err := w.Until(ctx, func(ctx context.Context) (bool, string, error) {
		state, err := Look(ctx, api)
		last = state
		return err == nil && s.holds(state), state.String(), err
	})
	return machine.WithHint(err, "%s", last.hint())
}

// remedy is what helps against a reason that is found in a pod's words.
type remedy struct {
	words *regexp.Regexp
	hint  string
}

var (
	tokenWords  = regexp.MustCompile(`(?i)token is not valid|unauthorized|invalid tunnel secret|tunnel not found|failed to get tunnel`)
	dialWords   = regexp.MustCompile(`(?i)failed to dial|unable to establish connection|no recent network activity|:7844|i/o timeout`)
	lookupWords = regexp.MustCompile(`(?i)lookup |no such host|srv`)
	portWords   = regexp.MustCompile(`(?i)address already in use`)
	imageWords  = regexp.MustCompile(`ErrImage|ImagePull`)
	policyWords = regexp.MustCompile(`(?i)violates PodSecurity`)
)

func remedies() []remedy {
	return []remedy{
		{imageWords, "the node has no image of cloudflared and cannot get one; k3s.bundle may have it, or the node needs to reach the registry"},
		{tokenWords, "the tunnel was deleted or its token changed at Cloudflare; `k3sedge up` looks there anew"},
		{portWords, "another program on the node has port 2000; `ss -ltnp` there names it"},
		{lookupWords, "the node cannot resolve Cloudflare's names; look at network.dns"},
		{dialWords, "the node does not reach Cloudflare on port 7844, TCP or UDP; open it in the firewall on the way"},
		{policyWords, "the namespace has to admit pods on the host's network; `k3sedge up` labels it so"},
	}
}

// hint says what the user can do about the state.
func (s State) hint() string {
	for _, p := range s.Pods {
		for _, r := range remedies() {
			if !p.Ready && r.words.MatchString(p.Reason) {
				return r.hint
			}
		}
	}
	return "`kubectl -n " + Namespace + " describe daemonset " + name + "` and its pods show more"
}
