package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func k3sObjectControls() []Control {
	return []Control{
		{
			ID: "K3S-05", Title: "Pods and nodes may not take more than is theirs", Severity: High,
			Why:  "a privileged pod is root on its node, and a node that gives itself labels draws the pods of others",
			Want: "a privileged pod in a user's namespace and a protected label from a node are refused; no namespace but the system's asks for privileged",
			Refs: []string{"kube-bench 1.2.14", "kube-bench 5.2.x", "Kubernetes docs, NodeRestriction", "Kubernetes docs, Pod Security Admission"},
			Conflict: "kube-bench looks for the plugins' names in the log; here both are tried, as dry runs that make nothing: " +
				"the pod in namespace default, the label in the name of the node",
			Needs: []Part{PartCluster, PartTrials, PartNamespaces}, When: "where K3s runs", Applies: onCluster,
			Check: checkAdmission, Advice: upWrites + "; take the label " + enforceLabel + "=privileged off namespaces that do not need it",
		},
		{
			ID: "K3S-09", Title: "Every namespace with pods says who may talk with them", Severity: Medium,
			Why:   "without a NetworkPolicy any pod reaches any other, and a broken one reaches all",
			Want:  "in every namespace that has pods in the pod network: a policy for all pods in both directions, and one that lets DNS out",
			Refs:  []string{"kube-bench 5.3.2", "CIS Kubernetes 5.3.2", "K3s CIS Hardening Guide, NetworkPolicies"},
			Needs: []Part{PartCluster, PartPods, PartNetworkPolicies}, When: "where K3s runs", Applies: onCluster,
			Check: checkNetworkPolicies, Advice: "apply a NetworkPolicy with an empty podSelector for both directions to the namespaces that are named, then one with what their pods need, port 53 first",
		},
		{
			ID: "K3S-10", Title: "Nobody unknown is cluster-admin, and pods get a token only where they ask for one", Severity: Medium,
			Why:   "a token that lies in every pod, or never ends, is what an attacker takes first",
			Want:  "cluster-admin for system:masters and K3s' Helm jobs alone; no token for the account default; no Secret with a token",
			Refs:  []string{"kube-bench 5.1.1", "kube-bench 5.1.5", "kube-bench 5.1.6", "CIS Kubernetes 5.1"},
			Needs: []Part{PartCluster, PartPods, PartServiceAccounts, PartClusterAdmins, PartTokenSecrets}, When: "where K3s runs", Applies: onCluster,
			Check: checkRights, Advice: "delete the bindings and Secrets that are named, or waive them; set automountServiceAccountToken: false on the account default, and give pods that use the API an account of their own",
		},
		{
			ID: "K3S-13", Title: "K3s runs no more than is wanted", Severity: Medium,
			Why:   "K3s' ServiceLB takes the host's ports from Traefik, and kube-proxy's other modes fail beside a host's own nftables",
			Want:  "servicelb disabled, none of its pods; kube-proxy in its mode iptables, which is K3s' default",
			Refs:  []string{"K3s docs, Networking Services", "k3s#1969", "kubernetes#136786"},
			Needs: []Part{PartCluster, PartNodes, PartPods, PartFirewall}, When: "where K3s runs", Applies: onCluster,
			Check: checkComponents, Advice: upWrites + "; take proxy-mode out of kube-proxy-arg",
		},
	}
}

// enforceLabel overrules for a namespace what the API server was told (Kubernetes docs, Pod Security Admission).
const enforceLabel = "pod-security.kubernetes.io/enforce"

func checkAdmission(f *facts.Facts, _ Policy) Verdict {
	var wrong, gaps, seen []string
	for _, name := range []string{trialPrivileged, trialNodeLabel} {
		t, ok := f.Cluster.Trials[name]
		switch {
		case !ok:
			gaps = append(gaps, entryGap(f, PartTrials, name))
		case !t.Refused:
			wrong = append(wrong, t.What+": "+t.Answer)
		case name == trialPrivileged && !strings.Contains(strings.ToLower(t.Answer), "privileged"):
			gaps = append(gaps, t.What+" is refused for another reason: "+t.Answer) // such as a quota
		default:
			seen = append(seen, t.What+": "+t.Answer)
		}
	}
	wrong = append(wrong, privilegedSpaces(f.Cluster)...)
	if len(wrong) == 0 && len(gaps) > 0 {
		return unknown(gaps...)
	}
	v := decide(wrong, "both are refused", "")
	if len(wrong) > 0 {
		v.Have = wrong[0]
	}
	v.Evidence = append(v.Evidence, seen...)
	return v
}

// privilegedSpaces are the namespaces that ask for privileged and need not.
func privilegedSpaces(c *facts.Cluster) []string {
	var out []string
	for _, n := range c.Namespaces {
		if n.Labels[enforceLabel] == "privileged" && !systemSpace(n.Name) && !connectorSpace(c, n.Name) {
			out = append(out, fmt.Sprintf("namespace %s: %s=privileged", n.Name, enforceLabel))
		}
	}
	return out
}

// systemSpace reports whether a namespace is Kubernetes' own.
func systemSpace(name string) bool { return strings.HasPrefix(name, "kube-") }

// podSpaces are the namespaces that are judged: those with pods in the pod
// network. One without them, as those of services are, has nobody to guard.
func podSpaces(c *facts.Cluster) []string {
	var out []string
	for _, p := range c.Pods {
		if !p.HostNetwork {
			out = append(out, p.Namespace)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), systemSpace)
}

func checkNetworkPolicies(f *facts.Facts, _ Policy) Verdict {
	spaces := podSpaces(f.Cluster)
	if len(spaces) == 0 {
		return Verdict{Status: NotApplicable, Evidence: []string{"no namespace but the system's has pods in the pod network"}}
	}
	var wrong []string
	for _, space := range spaces {
		in, out, dns := guards(f.Cluster.NetworkPolicies, space)
		for missing, holds := range map[string]bool{"coming in": in, "going out": out, "DNS": !out || dns} {
			if !holds {
				wrong = append(wrong, fmt.Sprintf("namespace %s: no policy for all pods on %s", space, missing))
			}
		}
	}
	slices.Sort(wrong)
	return decide(wrong, fmt.Sprintf("%d namespaces: %s", len(spaces), strings.Join(spaces, ", ")), "")
}

// guards says what of a namespace's pods is closed until a rule opens it, and
// whether they can look up names.
func guards(policies []facts.NetworkPolicy, space string) (in, out, dns bool) {
	for _, p := range policies {
		if p.Namespace != space || !p.AllPods {
			continue
		}
		in = in || slices.Contains(p.Types, "Ingress")
		out = out || slices.Contains(p.Types, "Egress")
		dns = dns || p.DNS
	}
	return in, out, dns
}

// knownAdmin reports whether a subject has every right by K3s' own doing: the
// client certificate of its kubeconfig, and the jobs that install its charts.
func knownAdmin(subject string) bool {
	return subject == "Group system:masters" || strings.HasPrefix(subject, "ServiceAccount kube-system/helm-")
}

func checkRights(f *facts.Facts, _ Policy) Verdict {
	c := f.Cluster
	var wrong []string
	admins := 0
	for _, b := range c.ClusterAdmins {
		for _, s := range b.Subjects {
			admins++
			if !knownAdmin(s) {
				wrong = append(wrong, fmt.Sprintf("ClusterRoleBinding %s: cluster-admin for %s", b.Name, s))
			}
		}
	}
	if admins == 0 {
		return unknown("no binding grants cluster-admin, not even K3s' own: the list is not whole")
	}
	spaces := podSpaces(c)
	for _, a := range c.ServiceAccounts {
		if a.Name == "default" && slices.Contains(spaces, a.Namespace) && (a.Automount == nil || *a.Automount) {
			wrong = append(wrong, fmt.Sprintf("namespace %s: pods of the account default get a token", a.Namespace))
		}
	}
	for _, s := range c.TokenSecrets {
		wrong = append(wrong, fmt.Sprintf("Secret %s/%s holds a token that never ends", s.Namespace, s.Name))
	}
	slices.Sort(wrong)
	return decide(wrong, fmt.Sprintf("%d subjects are cluster-admin; looked at the accounts of %d namespaces", admins, len(spaces)), "")
}

// svclb is the label of the pods by which ServiceLB takes ports.
const svclb = "svccontroller.k3s.cattle.io/svcname"

func checkComponents(f *facts.Facts, p Policy) Verdict {
	args := startedWith(f, p.Node)
	if args == nil {
		return unknown("the node's annotation " + nodeArgs + " does not tell how K3s was started")
	}
	var wrong []string
	if disabled := strings.Split(strings.Join(flagValues(args, "disable"), ","), ","); p.Cluster.Server && !slices.Contains(disabled, "servicelb") {
		wrong = append(wrong, nodeArgs+": servicelb is not disabled")
	}
	for _, pod := range f.Cluster.Pods {
		if _, lb := pod.Labels[svclb]; lb && pod.Node == p.Node {
			wrong = append(wrong, fmt.Sprintf("pod %s/%s is ServiceLB's", pod.Namespace, pod.Name))
		}
	}
	mode := partArgument(args, "kube-proxy-arg", "proxy-mode")
	if mode != "" && mode != "iptables" {
		wrong = append(wrong, nodeArgs+": kube-proxy-arg proxy-mode="+mode)
	}
	for _, table := range f.Firewall.Foreign {
		if strings.HasSuffix(table, " kube-proxy") {
			wrong = append(wrong, "the kernel has table "+table+", which kube-proxy makes in its mode nftables")
		}
	}
	slices.Sort(wrong)
	have := "servicelb is off, nothing asks kube-proxy for another mode than iptables"
	if len(wrong) > 0 {
		have = wrong[0]
	}
	return decide(wrong, have, "")
}
