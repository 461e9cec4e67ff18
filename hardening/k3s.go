package hardening

import (
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// onServer says whether a control on the API's own node applies.
func onServer(f *facts.Facts, p Policy) (bool, string) {
	if ok, why := onCluster(f, p); !ok {
		return false, why
	}
	return p.Cluster.Server, "the node is an agent: the API runs elsewhere"
}

// upWrites is the advice where k3sedge itself has written the setting.
const upWrites = "run `k3sedge up`, which writes the setting and restarts K3s on one node after the other"

// k3sControls judge K3s by what its API, its ports and its files say, never by its log.
func k3sControls() []Control {
	return slices.Concat(k3sPortControls(), k3sServerControls(), k3sKubeletControls(), k3sObjectControls())
}

func k3sPortControls() []Control {
	return []Control{
		{
			ID: "K3S-01", Title: "The API knows no anonymous user", Severity: Critical,
			Why:   "whoever reaches the port could ask as system:anonymous, and one wrong binding would answer",
			Want:  "401 to a request without credentials, for /api and for /version",
			Refs:  []string{"kube-bench 1.2.1", "CIS Kubernetes 1.2.1"},
			Needs: []Part{PartCluster, PartWire}, When: "on servers", Applies: onServer,
			Check: checkAnonymous, Advice: upWrites,
		},
		{
			ID: "K3S-02", Title: "The kubelet asks who comes, and asks the API what they may", Severity: Critical,
			Why:  "who may talk to a kubelet runs commands in every pod of the node",
			Want: "401 at 10250 without credentials, nothing at 10255, anonymous off, Webhook for both questions",
			Refs: []string{"kube-bench 4.2.1-4.2.4", "CIS Kubernetes 4.2.1-4.2.4"},
			Conflict: "kube-bench reads the kubelet's flags out of the journal, or on an agent the value that it wants to see; " +
				"here the kubelet itself is tried, and asked by the API",
			Needs: []Part{PartCluster, PartKubelets, PartWire}, When: "where K3s runs", Applies: onCluster,
			Check: checkKubeletDoor, Advice: upWrites,
		},
		{
			ID: "K3S-08", Title: "The control plane's own ports are on loopback only", Severity: High,
			Why:      "health and metrics of the control plane tell strangers what to attack, and 6444 is the API without its front door",
			Want:     "6444, 10248, 10249, 10256 to 10259, 2381, 2382 and 10010 on 127.0.0.1 and ::1 alone",
			Refs:     []string{"kube-bench 1.3.7", "kube-bench 1.4.2", "K3s docs, Requirements"},
			Conflict: "kube-bench greps the journal for --bind-address; here the kernel's own table of sockets is read",
			Needs:    []Part{PartCluster, PartListeners}, When: "where K3s runs", Applies: onCluster,
			Check: checkLoopbackPorts, Advice: "take out of /etc/rancher/k3s/config.yaml and config.yaml.d what sets another bind address, then run `k3sedge up`",
		},
		{
			ID: "K3S-11", Title: "6443 and 10250 speak today's TLS, with certificates that last", Severity: Medium,
			Why:   "old protocols and suites can be broken by who listens; a certificate that ends takes the cluster down",
			Want:  "TLS 1.2 or newer, suites with forward secrecy and AEAD alone, certificates for more than 30 days",
			Refs:  []string{"kube-bench 1.2.29", "kube-bench 4.2.12", "CIS Kubernetes 4.2.12"},
			Needs: []Part{PartCluster, PartWire, PartSystem}, When: "where K3s runs", Applies: onCluster,
			Check: checkK3sTLS, Advice: "run `k3sedge up` for versions and suites; K3s renews a certificate when it starts within its last 120 days: restart it, or run `k3s certificate rotate`",
		},
	}
}

// dialed is what came of a try, or the reason for which there is none.
func dialed(f *facts.Facts, name string) (look.DialAnswer, string) {
	a, ok := f.Wire[name]
	switch {
	case !ok:
		return a, entryGap(f, PartWire, name)
	case a.Outcome == "":
		return a, name + ": no outcome"
	}
	return a, ""
}

// askedWithout judges the status that paths give to somebody without credentials.
func askedWithout(f *facts.Facts, names ...string) (wrong, gaps []string) {
	for _, name := range names {
		a, gap := dialed(f, name)
		switch {
		case gap != "":
			gaps = append(gaps, gap)
		case a.Outcome != look.Answered:
			gaps = append(gaps, fmt.Sprintf("%s: %s %s", name, a.Outcome, a.Err))
		case a.Status != 401:
			wrong = append(wrong, fmt.Sprintf("%s without credentials: %d", name, a.Status))
		}
	}
	return wrong, gaps
}

func checkAnonymous(f *facts.Facts, _ Policy) Verdict {
	wrong, gaps := askedWithout(f, dialAPI, dialVersion)
	if len(wrong) == 0 && len(gaps) > 0 {
		return unknown(gaps...)
	}
	if len(wrong) > 0 {
		return Verdict{Status: Fail, Evidence: wrong, Have: wrong[0]}
	}
	return decide(nil, "401 for /api and /version", "")
}

func checkKubeletDoor(f *facts.Facts, p Policy) Verdict {
	wrong, gaps := askedWithout(f, dialPods)
	switch a, gap := dialed(f, dialReadOnly); {
	case gap != "":
		gaps = append(gaps, gap)
	case a.Outcome == look.Answered:
		wrong = append(wrong, fmt.Sprintf("%d takes connections", portReadOnly))
	case a.Outcome != look.Refused:
		gaps = append(gaps, fmt.Sprintf("%d: %s %s", portReadOnly, a.Outcome, a.Err))
	}
	k, gap := kubeletFact(f, p)
	if gap != "" {
		gaps = append(gaps, gap)
	} else {
		wrong = append(wrong, k.openDoors()...)
	}
	if len(wrong) == 0 && len(gaps) > 0 {
		return unknown(gaps...)
	}
	return decide(wrong, "10250/pods: 401, 10255: closed, anonymous: false, authorization: Webhook", "")
}
