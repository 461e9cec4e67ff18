package hardening

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// tunnels are the pods of cloudflared.
func tunnels(f *facts.Facts) []facts.Pod {
	return slices.DeleteFunc(slices.Clone(f.Cluster.Pods), func(pod facts.Pod) bool {
		return !slices.ContainsFunc(pod.Containers, isConnector)
	})
}

func isConnector(c facts.Container) bool {
	return strings.HasPrefix(path.Base(c.Image), "cloudflared")
}

func checkTunnel(f *facts.Facts, _ Policy) Verdict {
	pods := tunnels(f)
	if len(pods) == 0 {
		return Verdict{Status: NotApplicable, Evidence: []string{"cloudflared is not installed"}}
	}
	var wrong []string
	running := 0
	for _, pod := range pods {
		if pod.Phase == "Running" {
			running++
		}
		for _, c := range pod.Containers {
			wrong = append(wrong, openToken(pod, c)...)
		}
		if level := standardOf(f, pod.Namespace); level != "restricted" && !connectorSpace(f.Cluster, pod.Namespace) {
			wrong = append(wrong, fmt.Sprintf("namespace %s enforces the standard %q", pod.Namespace, level))
		}
	}
	const least = 2
	if running < least {
		wrong = append(wrong, fmt.Sprintf("%d pods of cloudflared run", running))
	}
	slices.Sort(wrong)
	return settle(slices.Compact(wrong), nil, fmt.Sprintf("%d pods of cloudflared, confined, the token from a Secret; what the token may do cannot be seen from here", running),
		"two pods in a namespace that enforces restricted, the token from a Secret")
}

// connectorSpace reports whether a namespace holds connectors on the nodes' own
// network and nothing else, none of them privileged. Pod Security has no
// standard between baseline, which refuses that network, and privileged.
func connectorSpace(c *facts.Cluster, namespace string) bool {
	found := false
	for _, pod := range c.Pods {
		if pod.Namespace != namespace {
			continue
		}
		other := func(c facts.Container) bool { return !isConnector(c) || c.Privileged }
		if !pod.HostNetwork || slices.ContainsFunc(pod.Containers, other) {
			return false
		}
		found = true
	}
	return found
}

// openToken says where the token stands for everybody who may read the pod.
// The token itself is not told.
func openToken(pod facts.Pod, c facts.Container) []string {
	if !isConnector(c) {
		return nil
	}
	var out []string
	for _, a := range c.Args {
		if flag, _, _ := strings.Cut(a, "="); flag == "--token" {
			out = append(out, fmt.Sprintf("pod %s/%s has its token among its arguments", pod.Namespace, pod.Name))
		}
	}
	for _, e := range c.Env {
		if e.Inline && strings.Contains(e.Name, "TOKEN") {
			out = append(out, fmt.Sprintf("pod %s/%s has %s as text in its specification", pod.Namespace, pod.Name, e.Name))
		}
	}
	return out
}

func standardOf(f *facts.Facts, namespace string) string {
	for _, n := range f.Cluster.Namespaces {
		if n.Name == namespace {
			return n.Labels["pod-security.kubernetes.io/enforce"]
		}
	}
	return ""
}
