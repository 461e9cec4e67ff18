package hardening

import (
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func k3sKubeletControls() []Control {
	needs := []Part{PartCluster, PartKubelets}
	return []Control{
		{
			ID: "K3S-06", Title: "The kubelet insists on the kernel's settings instead of changing them", Severity: Medium,
			Why:   "without it the kubelet writes them itself, and nobody notices that the host is set otherwise",
			Want:  "protectKernelDefaults true, as the kubelet itself says",
			Refs:  []string{"K3s CIS Hardening Guide", "kube-bench 4.2.6", "KRN-10"},
			Needs: needs, When: "where K3s runs", Applies: onCluster,
			Check: func(f *facts.Facts, p Policy) Verdict {
				return checkKubelet(f, p, func(k facts.Kubelet) []string {
					return unlike(nil, "protectKernelDefaults", k.ProtectKernelDefaults, k.ProtectKernelDefaults)
				})
			},
			Advice: upWrites,
		},
		{
			ID: "K3S-12", Title: "Pods have limits where nobody has set any", Severity: Medium,
			Why:   "one pod without a limit of processes, without seccomp, or with streams for ever takes the node from all others",
			Want:  "seccompDefault true, podPidsLimit above 0, streams idle for 5 minutes at most, eventRecordQPS above 0",
			Refs:  []string{"kube-bench 4.2.5", "kube-bench 4.2.8", "kube-bench 4.2.13", "K3s CIS Hardening Guide"},
			Needs: needs, When: "where K3s runs", Applies: onCluster,
			Check:  func(f *facts.Facts, p Policy) Verdict { return checkKubelet(f, p, kubeletLimits) },
			Advice: upWrites,
		},
	}
}

// kubeletFact is what this node's kubelet says, or why it is not known.
func kubeletFact(f *facts.Facts, p Policy) (kubeletSays, string) {
	k, ok := f.Cluster.Kubelets[p.Node]
	if !ok {
		return kubeletSays{}, entryGap(f, PartKubelets, p.Node)
	}
	return kubeletSays{k}, ""
}

type kubeletSays struct{ facts.Kubelet }

// openDoors are the settings by which somebody comes in unasked.
func (k kubeletSays) openDoors() []string {
	wrong := unlike(nil, "authentication.anonymous.enabled", k.Anonymous, !k.Anonymous)
	wrong = unlike(wrong, "authentication.webhook.enabled", k.Webhook, k.Kubelet.Webhook)
	wrong = unlike(wrong, "authorization.mode", k.Authorization, k.Authorization == "Webhook")
	return unlike(wrong, "readOnlyPort", k.ReadOnlyPort, k.ReadOnlyPort == 0)
}

// unlike adds a setting of the kubelet that does not hold.
func unlike(wrong []string, name string, value any, holds bool) []string {
	if holds {
		return wrong
	}
	return append(wrong, fmt.Sprintf("configz: %s: %v", name, value))
}

func checkKubelet(f *facts.Facts, p Policy, judge func(facts.Kubelet) []string) Verdict {
	k, gap := kubeletFact(f, p)
	if gap != "" {
		return unknown(gap)
	}
	wrong := judge(k.Kubelet)
	have := "configz: as wanted"
	if len(wrong) > 0 {
		have = wrong[0]
	}
	return decide(wrong, have, "")
}

func kubeletLimits(k facts.Kubelet) []string {
	const longest = 5 * time.Minute
	wrong := unlike(nil, "seccompDefault", k.SeccompDefault, k.SeccompDefault)
	wrong = unlike(wrong, "podPidsLimit", number(k.PodPidsLimit), k.PodPidsLimit != nil && *k.PodPidsLimit > 0)
	wrong = unlike(wrong, "streamingConnectionIdleTimeout", k.StreamingIdle, k.StreamingIdle > 0 && k.StreamingIdle <= longest)
	return unlike(wrong, "eventRecordQPS", number(k.EventRecordQPS), k.EventRecordQPS != nil && *k.EventRecordQPS > 0)
}

func number(n *int64) string {
	if n == nil {
		return "not said"
	}
	return fmt.Sprint(*n)
}
