package k3s

import (
	"slices"
	"strings"
)

// cause is a reason for which K3s does not come up.
type cause struct {
	what, hint string
	// final says that waiting longer would not help.
	final bool
	// phrases are K3s' own words for it, and source is where it says them.
	phrases []string
	source  string
}

// passwordRejected is the one cause that k3sedge mends itself.
const passwordRejected = "the cluster knows another machine by this name"

// causes are what the journal tells. The first that matches is taken: the more
// particular come first.
func causes() []cause { return append(joinCauses(), hostCauses()...) }

// joinCauses lie in the cluster that the node is to join.
func joinCauses() []cause {
	return []cause{
		{
			what:    passwordRejected,
			hint:    "if the old machine is gone, delete its Node and the Secret NAME.node-password.k3s in kube-system; if not, give this one another name",
			final:   true,
			phrases: []string{"Node password rejected, duplicate hostname"},
			source:  "k3s pkg/agent/config",
		},
		{
			what:    "its token names another cluster's authority",
			hint:    "the machine, or the first server, was part of another cluster: make it anew, or run /usr/local/bin/k3s-uninstall.sh there if K3s' own installer was used before",
			final:   true,
			phrases: []string{"token CA hash does not match the Cluster CA certificate hash"},
			source:  "k3s pkg/clientaccess",
		},
		{
			what:    "the cluster does not accept its token",
			hint:    "compare /etc/rancher/k3s/config.yaml of the node with /var/lib/rancher/k3s/server/token and agent-token of the first server; `k3sedge up` writes it from there",
			final:   true,
			phrases: []string{"401 Unauthorized", "configuration from server: not authorized", "bootstrap cluster data: not authorized", "invalid token format", "invalid token CA hash length"},
			source:  "k3s pkg/clientaccess; pkg/agent/config and, of a server, pkg/daemons/control",
		},
		{
			what:    "the token is not the one by which the server's data are encrypted",
			hint:    "put the old token back into /etc/rancher/k3s/config.yaml of the first server, from a backup",
			final:   true,
			phrases: []string{"bootstrap data already found and encrypted with different token"},
			source:  "k3s pkg/cluster",
		},
		{
			what:    "a server of this name is in etcd already",
			hint:    "delete the Node of the old server, which takes it out of etcd too, or give the new one another name",
			final:   true,
			phrases: []string{"duplicate node name found"},
			source:  "k3s pkg/etcd",
		},
		{
			what:    "its settings are not those of the first server",
			hint:    "run `k3sedge up`, which writes the same ones everywhere; podCIDR, serviceCIDR and secrets encryption cannot be changed later",
			final:   true,
			phrases: []string{"critical configuration"},
			source:  "k3s pkg/cluster",
		},
		{
			what:    "etcd takes one new member at a time",
			hint:    "wait for the other server to join, and run `k3sedge up` again",
			phrases: []string{"too many learner members in cluster"},
			source:  "etcd server/etcdserver",
		},
	}
}

// hostCauses lie in the node itself.
func hostCauses() []cause {
	return []cause{
		{
			what:    "the kernel is not set as protect-kernel-defaults demands",
			hint:    "run `k3sedge harden`, which sets it",
			final:   true,
			phrases: []string{"invalid kernel flag"},
			source:  "kubernetes pkg/kubelet/cm",
		},
		{
			what:    "a port that K3s needs is taken",
			hint:    "`sudo ss -ltnp` on the node shows by whom; stop that program for good",
			final:   true,
			phrases: []string{"address already in use"},
			source:  "Linux, EADDRINUSE",
		},
		{
			what:    "the disk is full",
			hint:    "make room, `sudo du -xh --max-depth=2 / | sort -h` on the node shows what is large; or enlarge the disk (nodes[].disk)",
			final:   true,
			phrases: []string{"no space left on device"},
			source:  "Linux, ENOSPC",
		},
		{
			what:    "a clock is wrong: a certificate is not valid yet, or no longer",
			hint:    clockHint,
			phrases: []string{"certificate has expired or is not yet valid"},
			source:  "Go crypto/x509",
		},
		{
			// A key of config.yaml itself that K3s does not know is passed over
			// with a warning (pkg/configfilearg); what it hands on is not.
			what:    "this K3s does not know an argument in config.yaml",
			hint:    "k3s.version must be a release that this k3sedge supports; see also /etc/rancher/k3s/config.yaml.d on the node",
			final:   true,
			phrases: []string{"unknown flag:"},
			source:  "spf13/pflag, by kubernetes cmd/kubelet, cmd/kube-apiserver, cmd/kube-controller-manager",
		},
		{
			what:    "the binary is made for another kind of processor",
			hint:    "k3s.binary is for nodes of one architecture only; leave it out to have the right one chosen",
			final:   true,
			phrases: []string{"exec format error"},
			source:  "Linux, ENOEXEC",
		},
		{
			what:    "the kernel does not count memory for control groups",
			hint:    "add cgroup_enable=memory cgroup_memory=1 to the kernel's command line and restart the node",
			final:   true,
			phrases: []string{"failed to find memory cgroup"},
			source:  "k3s pkg/cgroups",
		},
		{
			what:    "the machine has too little memory",
			hint:    "give it more (nodes[].memory)",
			phrases: []string{"killed by the OOM killer", "Out of memory: Killed process"},
			source:  "systemd, Linux",
		},
	}
}

// journalCause is the cause that the lines tell, and the line that does.
func journalCause(lines []string) (cause, string) {
	for _, c := range causes() {
		for _, phrase := range c.phrases {
			if line := lastWith(lines, phrase); line != "" {
				return c, line
			}
		}
	}
	return cause{}, ""
}

func lastWith(lines []string, phrase string) string {
	for _, line := range slices.Backward(lines) {
		if strings.Contains(strings.ToLower(line), strings.ToLower(phrase)) {
			return line
		}
	}
	return ""
}
