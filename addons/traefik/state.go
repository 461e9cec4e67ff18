package traefik

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

const (
	daemonSetPath = "/apis/apps/v1/namespaces/" + namespace + "/daemonsets/" + name
	podsPath      = "/api/v1/namespaces/" + namespace + "/pods"
)

// State is how Traefik stands on a cluster.
type State struct {
	Chart   Chart
	Failed  string // what the HelmChart, or Helm's job, says of its failure; empty if there is none
	Release Release
	Image   string
	Version string // of Traefik, from the image's tag, such as 3.6.13
	// Desired pods are one for each node. Updated have the present template.
	Desired, Updated, Ready int
	Pods                    []Pod // in the order of their nodes

	settled bool // the DaemonSet's controller has seen its last change
	args    []string
	open    []Release // those that are not superseded, the oldest first
}

// Pod is Traefik on one node.
type Pod struct {
	Node   string // empty while no node takes it
	Ready  bool
	Reason string // why it is not ready

	name, uid string
	crashes   bool
}

// Look reads how Traefik stands. While K3s has not deployed its chart,
// cluster.NotFound holds for the error.
func Look(ctx context.Context, r cluster.Reader) (State, error) {
	h, chart, err := lookAtChart(ctx, r)
	if err != nil {
		return State{}, err
	}
	s := State{Chart: chart, Failed: h.failed()}
	if s.Failed == "" {
		if s.Failed, err = jobFailure(ctx, r); err != nil {
			return State{}, err
		}
	}
	if s.open, err = releases(ctx, r); err != nil {
		return State{}, err
	}
	if len(s.open) > 0 {
		s.Release = s.open[len(s.open)-1]
	}
	if err := s.lookAtDaemonSet(ctx, r); err != nil {
		return State{}, err
	}
	s.Pods, err = pods(ctx, r)
	return s, err
}

func (s *State) lookAtDaemonSet(ctx context.Context, r cluster.Reader) error {
	d, err := get[daemonSet](ctx, r, daemonSetPath)
	if cluster.NotFound(err) {
		return nil // Helm has yet to make it
	}
	if err != nil {
		return fmt.Errorf("read the DaemonSet of Traefik: %w", err)
	}
	s.Image, s.args = d.container()
	s.Version = versionOf(s.Image)
	s.Desired, s.Updated, s.Ready = d.Status.Desired, d.Status.Updated, d.Status.Ready
	s.settled = d.Status.ObservedGeneration == d.Metadata.Generation
	return nil
}

// versionOf reads the tag of an image: "…/traefik:v3.6.13@sha256:…" is 3.6.13.
func versionOf(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return strings.TrimPrefix(tag, "v")
}

type podList struct {
	Items []podDoc `json:"items"`
}

type podDoc struct {
	Metadata struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"metadata"`
	Spec struct {
		NodeName string `json:"nodeName"`
	} `json:"spec"`
	Status struct {
		Phase             string      `json:"phase"`
		Conditions        []condition `json:"conditions"`
		ContainerStatuses []struct {
			State struct {
				Waiting *struct{ Reason, Message string } `json:"waiting"`
			} `json:"state"`
			LastState struct {
				Terminated *struct{ Message string } `json:"terminated"`
			} `json:"lastState"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

func pods(ctx context.Context, r cluster.Reader) ([]Pod, error) {
	query := url.Values{"labelSelector": {"app.kubernetes.io/name=" + name}}
	list, err := get[podList](ctx, r, podsPath+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("read the pods of Traefik: %w", err)
	}
	var out []Pod
	for _, doc := range list.Items {
		p := doc.judge()
		if p.crashes {
			p.Reason = strings.TrimSuffix(p.Reason+": "+lastWords(ctx, r, doc), ": ")
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pod) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.name, b.name)) })
	return out, nil
}

// judge says whether the pod is ready, and if not, why, as far as the pod itself tells.
func (d podDoc) judge() Pod {
	p := Pod{Node: d.Spec.NodeName, name: d.Metadata.Name, uid: d.Metadata.UID, Reason: strings.ToLower(d.Status.Phase)}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == "Ready" && c.Status == "True":
			p.Ready, p.Reason = true, ""
			return p
		case c.Type == "PodScheduled" && c.Status == "False":
			p.Reason = "no node takes it: " + c.Message
		}
	}
	for _, c := range d.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil {
			p.Reason = w.Reason
			p.crashes = w.Reason == "CrashLoopBackOff"
			if !p.crashes && w.Message != "" {
				p.Reason += ": " + w.Message
			}
		}
	}
	return p
}

// lastWords is the last line that a crashed container left, or "".
func lastWords(ctx context.Context, r cluster.Reader, doc podDoc) string {
	var text string
	for _, c := range doc.Status.ContainerStatuses {
		if t := c.LastState.Terminated; t != nil {
			text = t.Message
		}
	}
	if text == "" {
		// A log that cannot be had leaves the reason without its detail.
		log, _ := r.Get(ctx, podsPath+"/"+doc.Metadata.Name+"/log?previous=true&tailLines=1")
		text = string(log)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// String tells the state in one line, for somebody who waits.
func (s State) String() string {
	if s.Failed != "" || s.Release.Status != "deployed" {
		return cmp.Or(s.Failed, s.Release.String())
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d of %d pods ready", s.Ready, s.Desired)
	if !s.settled || s.Updated != s.Desired {
		fmt.Fprintf(&out, ", %d of them as Helm wants them now", s.Updated)
	}
	for _, p := range s.Pods {
		if !p.Ready {
			fmt.Fprintf(&out, "; %s: %s", cmp.Or(p.Node, "unscheduled"), p.Reason)
		}
	}
	return out.String()
}
