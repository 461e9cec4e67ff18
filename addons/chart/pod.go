package chart

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// Pod is one of a chart's pods.
type Pod struct {
	Name, UID string
	Node      string // empty while no node takes it
	Ready     bool
	Reason    string // why it is not ready
	Crashes   bool
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
		Conditions        []Condition `json:"conditions"`
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

func podDocs(ctx context.Context, r cluster.Reader, namespace, selector string) ([]podDoc, error) {
	list, err := Get[struct {
		Items []podDoc `json:"items"`
	}](ctx, r, selected(podsPath(namespace), selector))
	return list.Items, err
}

// Pods are those of a namespace with these labels, in the order of their nodes.
func Pods(ctx context.Context, r cluster.Reader, namespace, selector string) ([]Pod, error) {
	docs, err := podDocs(ctx, r, namespace, selector)
	if err != nil {
		return nil, err
	}
	var out []Pod
	for _, doc := range docs {
		p := doc.judge()
		if p.Crashes {
			p.Reason = strings.TrimSuffix(p.Reason+": "+lastWords(ctx, r, namespace, doc), ": ")
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pod) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Name, b.Name)) })
	return out, nil
}

// Path is where the API has the pod.
func (p Pod) Path(namespace string) string { return podsPath(namespace) + "/" + p.Name }

// judge says whether the pod is ready, and if not, why, as far as the pod itself tells.
func (d podDoc) judge() Pod {
	p := Pod{Node: d.Spec.NodeName, Name: d.Metadata.Name, UID: d.Metadata.UID, Reason: strings.ToLower(d.Status.Phase)}
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
			p.Crashes = w.Reason == "CrashLoopBackOff"
			if !p.Crashes && w.Message != "" {
				p.Reason += ": " + w.Message
			}
		}
	}
	return p
}

// lastWords is the last line that a crashed container left, or "".
func lastWords(ctx context.Context, r cluster.Reader, namespace string, doc podDoc) string {
	var text string
	for _, c := range doc.Status.ContainerStatuses {
		if t := c.LastState.Terminated; t != nil {
			text = t.Message
		}
	}
	if text == "" {
		// A log that cannot be had leaves the reason without its detail.
		log, _ := r.Get(ctx, podsPath(namespace)+"/"+doc.Metadata.Name+"/log?previous=true&tailLines=1")
		text = string(log)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
