package hardening

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// PartK3s is what a server of K3s keeps on its disk.
const PartK3s Part = "k3s"

// Where K3s keeps what opens everything.
const (
	k3sSettings = "/etc/rancher/k3s/config.yaml"
	k3sServer   = "/var/lib/rancher/k3s/server"
	k3sAgent    = "/var/lib/rancher/k3s/agent"
	auditFolder = k3sServer + "/logs"
)

func k3sServerControls() []Control {
	return []Control{
		{
			ID: "K3S-03", Title: "Secrets are encrypted where they are kept", Severity: High,
			Why:      "a backup or a disk of the server would be all passwords of the cluster",
			Want:     "the API server was given a provider that encrypts, and the datastore's file holds no Secret in plain text",
			Refs:     []string{"kube-bench 1.2.27", "kube-bench 1.2.28", "K3s docs, Secrets Encryption"},
			Conflict: "K3s' Secrets stay readable with the key on the same disk: this guards backups and single files, not a stolen server",
			Needs:    []Part{PartCluster, PartK3s}, When: "on servers", Applies: onServer,
			Check: checkEncryption, Advice: "run `k3sedge up`, which turns encryption on from the first start; for a cluster that began without it see `k3s secrets-encrypt` and run `k3s secrets-encrypt rotate-keys`",
		},
		{
			ID: "K3S-04", Title: "The API's audit log is alive", Severity: Medium,
			Why:   "without it nobody can say afterwards who did what",
			Want:  "a request of this very look stands in it; kept for 30 days, 10 files of 100 MB; its folder is root's alone",
			Refs:  []string{"kube-bench 1.2.16-1.2.19", "kube-bench 3.2.1", "K3s CIS Hardening Guide"},
			Needs: []Part{PartCluster, PartK3s, PartNodes, PartStats}, Stats: []string{auditFolder}, When: "on servers", Applies: onServer,
			Check: checkAuditLog, Advice: upWrites,
		},
		{
			ID: "K3S-07", Title: "Only root reads what opens the cluster", Severity: Critical,
			Why:      "the kubeconfig, the tokens and the keys each are the whole cluster to whoever reads them",
			Want:     "0600 and root's, or tighter: kubeconfig, config.yaml, tokens, cred, private keys; 0700 the folder of the datastore",
			Refs:     []string{"kube-bench 1.1.11-1.1.21", "kube-bench 4.1.x", "CIS Kubernetes 1.1"},
			Conflict: "kube-bench wants 0600 for certificates too (1.1.20), K3s' docs 0644: what a server shows to everybody is no secret, so keys alone are judged",
			Needs:    []Part{PartStats}, Stats: ownedPaths(k3sFiles()), When: "once K3s is installed", Applies: k3sInstalled,
			Check: func(f *facts.Facts, _ Policy) Verdict { return checkOwned(f, k3sFiles(), "") },
			Mend:  func(f *facts.Facts, _ Policy) Mend { return mendOwned(f, k3sFiles()) },
		},
	}
}

// k3sFiles are those of servers and agents; which of them there are is K3s' business.
func k3sFiles() []owned {
	var out []owned
	for _, path := range []string{
		k3sSettings, "/etc/rancher/k3s/k3s.yaml", "/etc/rancher/node/password",
		k3sServer + "/token", k3sServer + "/agent-token", k3sServer + "/node-token", k3sServer + "/cred/*",
		k3sServer + "/tls/*.key", k3sServer + "/tls/etcd/*.key", k3sAgent + "/*.key", k3sAgent + "/*.kubeconfig",
	} {
		out = append(out, owned{path: path, most: 0o600})
	}
	for _, folder := range []string{k3sServer + "/cred", k3sServer + "/tls", k3sServer + "/db", k3sServer + "/db/etcd"} {
		out = append(out, owned{path: folder, most: 0o700})
	}
	return out
}

func k3sInstalled(f *facts.Facts, p Policy) (bool, string) {
	if ok, why := onCluster(f, p); !ok {
		return false, why
	}
	return f.Stats[k3sSettings].Kind != facts.KindAbsent, k3sSettings + " is not there: K3s is not installed yet"
}

func checkEncryption(f *facts.Facts, _ Policy) Verdict {
	e := f.K3s.Encryption
	if e == nil {
		return unknown(entryGap(f, PartK3s, "encryption"))
	}
	have := fmt.Sprintf("providers: %s; in %s: %d encrypted, %d in plain text", strings.Join(e.Providers, ", "), e.Store, e.Sealed, e.Plain)
	var wrong []string
	if len(e.Providers) == 0 || !slices.Contains([]string{"aescbc", "aesgcm", "secretbox", "kms"}, e.Providers[0]) {
		wrong = append(wrong, fmt.Sprintf("the first provider for Secrets: %q", strings.Join(e.Providers, ", ")))
	}
	if e.Plain > 0 {
		wrong = append(wrong, fmt.Sprintf("%s: %d Secrets in plain text, older versions and freed pages among them", e.Store, e.Plain))
	}
	if len(wrong) == 0 && e.Store == "" {
		// With a datastore elsewhere it is so for good, and nothing is known to be wrong.
		return Verdict{Status: Unknown, Severity: Medium, Evidence: []string{"this node has no file of a datastore, neither etcd's nor SQLite's: the providers encrypt, but what was kept before them is not seen"}}
	}
	if len(wrong) == 0 && e.Sealed == 0 {
		return unknown(e.Store + ": no Secret is found in it, so that nothing is proven")
	}
	return decide(wrong, have, "")
}

func checkAuditLog(f *facts.Facts, p Policy) Verdict {
	a := f.K3s.Audit
	if a == nil {
		return unknown(entryGap(f, PartK3s, "audit"))
	}
	var wrong []string
	if !a.Found {
		wrong = append(wrong, fmt.Sprintf("%s: no event with auditID %s, which the API gave to a request of this look; the last event is of %q", a.Path, a.ID, a.Newest))
	}
	if s := f.Stats[auditFolder]; s.Kind != facts.KindFolder || s.Mode&0o077 != 0 || s.UID != 0 {
		wrong = append(wrong, statLine(auditFolder, s))
	}
	args := startedWith(f, p.Node)
	if args == nil && len(wrong) == 0 {
		return unknown("the node's annotation " + nodeArgs + " does not tell how K3s was started")
	}
	if args != nil {
		wrong = append(wrong, shortLog(args)...)
	}
	slices.Sort(wrong)
	have := fmt.Sprintf("%s has auditID %s", a.Path, a.ID)
	if len(wrong) > 0 {
		have = wrong[0]
	}
	return decide(wrong, have, "")
}

// shortLog is what of the log is kept for less than it should.
func shortLog(args []string) []string {
	var out []string
	for name, least := range map[string]int{"audit-log-maxage": 30, "audit-log-maxbackup": 10, "audit-log-maxsize": 100} {
		value := partArgument(args, "kube-apiserver-arg", name)
		if n, err := strconv.Atoi(value); err != nil || n < least {
			out = append(out, fmt.Sprintf("%s: %s=%s, want %d", nodeArgs, name, value, least))
		}
	}
	return out
}
