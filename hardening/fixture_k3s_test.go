package hardening

import (
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// addK3sFacts are those of a cluster that holds every control, as its server sees it.
func addK3sFacts(f *facts.Facts, p Policy) {
	if f.Wire == nil {
		f.Wire = map[string]look.DialAnswer{}
	}
	end := time.Unix(f.System.UnixTime, 0).Add(365 * 24 * time.Hour).UTC().Format(time.RFC3339)
	for name, d := range p.k3sDials() {
		a := look.DialAnswer{Outcome: look.Answered, Status: 401, TLS: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256", Cert: &look.Cert{NotAfter: end, ChainEnd: end}}
		switch {
		case name == dialReadOnly:
			a = look.DialAnswer{Outcome: look.Refused, Err: "connection refused"}
		case d.Old, d.Weak:
			a = look.DialAnswer{Outcome: look.Broken, Err: "remote error", Alert: "tls: handshake failure"}
		}
		f.Wire[name] = a
	}
	for _, port := range []int{6444, 10248, 10257, 10259} {
		f.Listeners = append(f.Listeners, facts.Listener{Proto: "tcp", Address: "127.0.0.1", Port: port, Process: "k3s-server", PID: 700, Unit: "k3s.service"})
	}
	f.K3s = &facts.K3s{
		Encryption: &facts.Encryption{Providers: []string{"aescbc", "identity"}, Store: k3sServer + "/db/etcd/member/snap/db", Sealed: 7},
		Audit:      &facts.AuditLog{Path: auditFolder + "/audit.log", ID: "our-id", Found: true, Newest: "2026-01-02T03:04:05Z"},
	}
	f.Stats[auditFolder] = facts.Stat{Kind: facts.KindFolder, Mode: 0o700}
	for _, r := range k3sFiles() {
		f.Stats[r.path] = facts.Stat{Kind: facts.KindFile, Mode: r.most}
		if strings.Contains(r.path, "*") {
			f.Stats[r.path] = facts.Stat{Kind: facts.KindListed}
		}
	}
	f.Cluster = goodCluster()
}

func goodCluster() *facts.Cluster {
	off, limit := false, int64(4096)
	kubelet := facts.Kubelet{
		Webhook: true, Authorization: "Webhook", ProtectKernelDefaults: true, SeccompDefault: true,
		PodPidsLimit: &limit, EventRecordQPS: &limit, StreamingIdle: 5 * time.Minute,
	}
	in := func(space, name string) facts.Object { return facts.Object{Namespace: space, Name: name} }
	args := []string{
		"server", "--disable", "servicelb", "--kube-apiserver-arg", "audit-log-maxage=30",
		"--kube-apiserver-arg=audit-log-maxbackup=10", "--kube-apiserver-arg", "audit-log-maxsize=100",
	}
	return &facts.Cluster{
		Nodes:    []facts.ClusterNode{{Object: in("", "node-1"), Ready: true, Version: "v1.35.4+k3s1", Args: args}, {Object: in("", "node-2"), Ready: true, Version: "v1.35.4+k3s1", Args: []string{"agent"}}},
		Kubelets: map[string]facts.Kubelet{"node-1": kubelet, "node-2": kubelet},
		Namespaces: []facts.Object{
			in("", "default"), in("", "kube-system"), in("", "apps"),
			in("", "edge-git"),
		},
		Pods: []facts.Pod{
			{Object: in("kube-system", "traefik-x"), Node: "node-1", HostNetwork: true, ServiceAccount: "traefik"},
			{Object: in("kube-system", "coredns-x"), Node: "node-2", ServiceAccount: "coredns"},
			{Object: in("apps", "a"), Node: "node-2", ServiceAccount: "default"},
		},
		NetworkPolicies: []facts.NetworkPolicy{
			{Object: in("apps", "deny"), AllPods: true, Types: []string{"Ingress", "Egress"}},
			{Object: in("apps", "dns"), AllPods: true, Types: []string{"Egress"}, Egress: 1, DNS: true},
			{Object: in("cloudflared", "closed"), AllPods: true, Types: []string{"Ingress", "Egress"}, Egress: 1, DNS: true},
		},
		ServiceAccounts: []facts.ServiceAccount{
			{Object: in("apps", "default"), Automount: &off}, {Object: in("edge-git", "default")}, {Object: in("default", "default")},
		},
		ClusterAdmins: []facts.Binding{{Object: in("", "cluster-admin"), Subjects: []string{"Group system:masters"}}, {Object: in("", "helm"), Subjects: []string{"ServiceAccount kube-system/helm-traefik"}}},
		TokenSecrets:  []facts.Object{},
		Trials: map[string]facts.Trial{
			trialPrivileged: {What: "a privileged pod", Refused: true, Answer: `pods "k3sedge-trial" is forbidden: violates PodSecurity "baseline:latest": privileged`},
			trialNodeLabel:  {What: "a label", Refused: true, Answer: "is not allowed to modify labels"},
		},
	}
}

func wired(name string, change func(*look.DialAnswer)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		a := f.Wire[name]
		change(&a)
		f.Wire[name] = a
	}
}

func kubelet(change func(*facts.Kubelet)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, p Policy) {
		k := f.Cluster.Kubelets[p.Node]
		change(&k)
		f.Cluster.Kubelets[p.Node] = k
	}
}

func inCluster(change func(*facts.Cluster)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { change(f.Cluster) }
}

func onDisk(change func(*facts.K3s)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { change(f.K3s) }
}

// firstArgs are those of the server.
func firstArgs(change func([]string) []string) func(*facts.Facts, Policy) {
	return inCluster(func(c *facts.Cluster) { c.Nodes[0].Args = change(c.Nodes[0].Args) })
}

func k3sPortMutations() []mutation {
	silent := func(a *look.DialAnswer) { *a = look.DialAnswer{Outcome: look.TimedOut, Err: "timeout"} }
	taken := func(a *look.DialAnswer) { *a = look.DialAnswer{Outcome: look.Answered, TLS: "TLS 1.1", Suite: "OLD"} }
	listens := func(port int, address string) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, _ Policy) {
			f.Listeners = append(f.Listeners, facts.Listener{Proto: "tcp", Address: address, Port: port, Process: "k3s-server", PID: 700, Unit: "k3s.service"})
		}
	}
	return []mutation{
		{"the API answers strangers", wired(dialVersion, func(a *look.DialAnswer) { a.Status = 200 }), Fail, []string{"K3S-01"}},
		{"the API knows strangers by a name", wired(dialAPI, func(a *look.DialAnswer) { a.Status = 403 }), Fail, []string{"K3S-01"}},
		{"the API is silent", wired(dialAPI, silent), Unknown, []string{"K3S-01", "K3S-11"}},
		{"the kubelet answers strangers", wired(dialPods, func(a *look.DialAnswer) { a.Status = 200 }), Fail, []string{"K3S-02"}},
		{"a port without login", wired(dialReadOnly, func(a *look.DialAnswer) { a.Outcome = look.Answered }), Fail, []string{"K3S-02"}},
		{"a port that drops", wired(dialReadOnly, silent), Unknown, []string{"K3S-02"}},
		{"anonymous at the kubelet", kubelet(func(k *facts.Kubelet) { k.Anonymous = true }), Fail, []string{"K3S-02"}},
		{"always allowed", kubelet(func(k *facts.Kubelet) { k.Authorization = "AlwaysAllow" }), Fail, []string{"K3S-02"}},
		{"a read-only port in the settings", kubelet(func(k *facts.Kubelet) { k.ReadOnlyPort = 10255 }), Fail, []string{"K3S-02"}},
		{"a kubelet that was not asked", func(f *facts.Facts, p Policy) { delete(f.Cluster.Kubelets, p.Node) }, Unknown, []string{"K3S-02", "K3S-06", "K3S-12"}},
		{"old TLS at the API", wired(dialAPIOld, taken), Fail, []string{"K3S-11"}},
		{"weak suites at the kubelet", wired(dialKubeletBad, taken), Fail, []string{"K3S-11"}},
		{"an offer without an answer", wired(dialAPIWeak, silent), Unknown, []string{"K3S-11"}},
		{"a certificate that ends", wired(dialPods, func(a *look.DialAnswer) { a.Cert = &look.Cert{NotAfter: "1970-01-20T00:00:00Z"} }), Fail, []string{"K3S-11"}},
		{"a chain that ends", wired(dialAPI, func(a *look.DialAnswer) {
			a.Cert = &look.Cert{NotAfter: a.Cert.NotAfter, ChainEnd: "1970-01-20T00:00:00Z"}
		}), Fail, []string{"K3S-11"}},
		{"the scheduler for all", listens(10259, "0.0.0.0"), Fail, []string{"K3S-08", "SVC-01"}},
		{"the scheduler on IPv6's loopback", listens(10259, "::1"), Pass, nil},
	}
}

func k3sServerMutations() []mutation {
	return []mutation{
		{"Secrets in plain text", onDisk(func(k *facts.K3s) { k.Encryption.Providers = []string{"identity", "aescbc"} }), Fail, []string{"K3S-03"}},
		{"no provider", onDisk(func(k *facts.K3s) { k.Encryption.Providers = []string{} }), Fail, []string{"K3S-03"}},
		{"a Secret from before", onDisk(func(k *facts.K3s) { k.Encryption.Plain = 1 }), Fail, []string{"K3S-03"}},
		{"a store without Secrets", onDisk(func(k *facts.K3s) { k.Encryption.Sealed = 0 }), Unknown, []string{"K3S-03"}},
		{"a store elsewhere", onDisk(func(k *facts.K3s) { k.Encryption.Store, k.Encryption.Sealed = "", 0 }), Unknown, []string{"K3S-03"}},
		{"a store elsewhere and no provider", onDisk(func(k *facts.K3s) { k.Encryption.Store, k.Encryption.Providers = "", nil }), Fail, []string{"K3S-03"}},
		{"encryption not looked at", onDisk(func(k *facts.K3s) { k.Encryption = nil }), Unknown, []string{"K3S-03"}},
		{"a log that is dead", onDisk(func(k *facts.K3s) { k.Audit.Found = false }), Fail, []string{"K3S-04"}},
		{"a log for all", stat(auditFolder, func(s *facts.Stat) { s.Mode = 0o755 }), Fail, []string{"K3S-04"}},
		{"a log for a day", firstArgs(func(a []string) []string { return append(a, "--kube-apiserver-arg", "audit-log-maxage=1") }), Fail, []string{"K3S-04"}},
		{"a log without an end", firstArgs(func([]string) []string { return []string{"server", "--disable", "traefik,servicelb"} }), Fail, []string{"K3S-04"}},
		{"a log that was not looked at", onDisk(func(k *facts.K3s) { k.Audit = nil }), Unknown, []string{"K3S-04"}},
		{"no command line", firstArgs(func([]string) []string { return nil }), Unknown, []string{"K3S-04", "K3S-13"}},
		{"a kubeconfig for all", stat("/etc/rancher/k3s/k3s.yaml", func(s *facts.Stat) { s.Mode = 0o644 }), Fail, []string{"K3S-07"}},
		{"somebody's token", stat(k3sServer+"/token", func(s *facts.Stat) { s.UID = 1000 }), Fail, []string{"K3S-07"}},
		{"a key for all", func(f *facts.Facts, _ Policy) {
			f.Stats[k3sServer+"/tls/server-ca.key"] = facts.Stat{Kind: facts.KindFile, Mode: 0o644}
		}, Fail, []string{"K3S-07"}},
		{"no K3s yet", stat(k3sSettings, func(s *facts.Stat) { *s = facts.Stat{Kind: facts.KindAbsent} }), NotApplicable, []string{"K3S-07"}},
	}
}

func k3sObjectMutations() []mutation {
	trial := func(name string) func(*facts.Facts, Policy) {
		return inCluster(func(c *facts.Cluster) { c.Trials[name] = facts.Trial{What: name, Answer: "it would have been made"} })
	}
	return []mutation{
		{"a privileged pod is made", trial(trialPrivileged), Fail, []string{"K3S-05"}},
		{"a node labels itself", trial(trialNodeLabel), Fail, []string{"K3S-05"}},
		{"a quota refuses the pod", inCluster(func(c *facts.Cluster) {
			c.Trials[trialPrivileged] = facts.Trial{What: "a privileged pod", Refused: true, Answer: `pods "k3sedge-trial" is forbidden: failed quota: all: must specify limits.cpu`}
		}), Unknown, []string{"K3S-05"}},
		{"nobody tried", inCluster(func(c *facts.Cluster) { delete(c.Trials, trialNodeLabel) }), Unknown, []string{"K3S-05"}},
		{"a privileged namespace", inCluster(func(c *facts.Cluster) { c.Namespaces[0].Labels = map[string]string{enforceLabel: "privileged"} }), Fail, []string{"K3S-05"}},
		{"the system's own may", inCluster(func(c *facts.Cluster) { c.Namespaces[1].Labels = map[string]string{enforceLabel: "privileged"} }), Pass, nil},
		{"kernel settings of the kubelet's", kubelet(func(k *facts.Kubelet) { k.ProtectKernelDefaults = false }), Fail, []string{"K3S-06"}},
		{"no seccomp", kubelet(func(k *facts.Kubelet) { k.SeccompDefault = false }), Fail, []string{"K3S-12"}},
		{"processes without end", kubelet(func(k *facts.Kubelet) { *k.PodPidsLimit = -1 }), Fail, []string{"K3S-12"}},
		{"no word of events", kubelet(func(k *facts.Kubelet) { k.EventRecordQPS = nil }), Fail, []string{"K3S-12"}},
		{"streams for hours", kubelet(func(k *facts.Kubelet) { k.StreamingIdle = 4 * time.Hour }), Fail, []string{"K3S-12"}},
		{"no policy", inCluster(func(c *facts.Cluster) { c.NetworkPolicies = c.NetworkPolicies[:2] }), Fail, []string{"K3S-09"}},
		{"no names", inCluster(func(c *facts.Cluster) { c.NetworkPolicies[1].DNS = false }), Fail, []string{"K3S-09"}},
		{"a policy for some pods", inCluster(func(c *facts.Cluster) { c.NetworkPolicies[0].AllPods = false }), Fail, []string{"K3S-09"}},
		{"one more admin", inCluster(func(c *facts.Cluster) { c.ClusterAdmins[0].Subjects = []string{"Group system:masters", "User eve"} }), Fail, []string{"K3S-10"}},
		{"no admins at all", inCluster(func(c *facts.Cluster) { c.ClusterAdmins = []facts.Binding{} }), Unknown, []string{"K3S-10"}},
		{"a token for all", inCluster(func(c *facts.Cluster) { c.ServiceAccounts[0].Automount = nil }), Fail, []string{"K3S-10"}},
		{"a token for ever", inCluster(func(c *facts.Cluster) { c.TokenSecrets = []facts.Object{{Namespace: "apps", Name: "t"}} }), Fail, []string{"K3S-10"}},
		{"ServiceLB is on", firstArgs(func(a []string) []string { return slices.Replace(a, 2, 3, "traefik") }), Fail, []string{"K3S-13"}},
		{"a pod of ServiceLB's", inCluster(func(c *facts.Cluster) { c.Pods[0].Labels = map[string]string{svclb: "traefik"} }), Fail, []string{"K3S-13"}},
		{"another mode", firstArgs(func(a []string) []string { return append(a, "--kube-proxy-arg", "proxy-mode=ipvs") }), Fail, []string{"K3S-13"}},
		{"a table of kube-proxy's", func(f *facts.Facts, _ Policy) { f.Firewall.Foreign = append(f.Firewall.Foreign, "ip kube-proxy") }, Fail, []string{"K3S-13"}},
	}
}

func k3sMutations() []mutation {
	return slices.Concat(k3sPortMutations(), k3sServerMutations(), k3sObjectMutations())
}
