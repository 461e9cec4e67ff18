package config

// Config is what a server or an agent is told. The fields are those on which
// the stand-in acts.
type Config struct {
	DataDir, Token, TokenFile, Server            string
	NodeName, FlannelIface                       string
	NodeIP, NodeLabels, NodeTaints               []string
	KubeletArgs                                  []string
	ProtectKernelDefaults                        bool
	LBPort                                       int
	AgentToken, AgentTokenFile                   string
	BindAddress, AdvertiseAddress                string
	HTTPSPort                                    int
	TLSSAN, Disable                              []string
	ClusterCIDR, ServiceCIDR, ClusterDNS         string
	ClusterDomain, FlannelBackend, NodePortRange string
	WriteKubeconfig, WriteKubeconfigMode         string
	ClusterInit, SecretsEncryption               bool
	DisableHelm, DisableAgent, DisableScheduler  bool
	APIServerArgs, ControllerArgs, SchedulerArgs []string
	EtcdArgs                                     []string
	// Given is the command line to which files and arguments add up, its
	// secrets masked, as K3s tells it in the node's annotation.
	Given []string
}

// Defaults are those of K3s.
func Defaults() Config {
	return Config{
		DataDir: "/var/lib/rancher/k3s", LBPort: 6444, HTTPSPort: 6443,
		BindAddress: "0.0.0.0", ClusterCIDR: "10.42.0.0/16", ServiceCIDR: "10.43.0.0/16",
		ClusterDNS: "10.43.0.10", ClusterDomain: "cluster.local", FlannelBackend: "vxlan",
		NodePortRange: "30000-32767", WriteKubeconfig: "/etc/rancher/k3s/k3s.yaml", WriteKubeconfigMode: "0600",
	}
}

// nodeFields are the keys that server and agent both know.
func (c *Config) nodeFields() map[string]any {
	return map[string]any{
		"data-dir": &c.DataDir, "token": &c.Token, "token-file": &c.TokenFile, "server": &c.Server,
		"node-name": &c.NodeName, "node-ip": &c.NodeIP, "node-label": &c.NodeLabels, "node-taint": &c.NodeTaints,
		"flannel-iface": &c.FlannelIface, "lb-server-port": &c.LBPort,
		"kubelet-arg":             &c.KubeletArgs,
		"protect-kernel-defaults": &c.ProtectKernelDefaults,
	}
}

// serverFields are the keys that only a server knows.
func (c *Config) serverFields() map[string]any {
	return map[string]any{
		"agent-token": &c.AgentToken, "agent-token-file": &c.AgentTokenFile,
		"bind-address": &c.BindAddress, "advertise-address": &c.AdvertiseAddress, "https-listen-port": &c.HTTPSPort,
		"tls-san": &c.TLSSAN, "disable": &c.Disable,
		"cluster-cidr": &c.ClusterCIDR, "service-cidr": &c.ServiceCIDR, "service-node-port-range": &c.NodePortRange,
		"cluster-dns": &c.ClusterDNS, "cluster-domain": &c.ClusterDomain, "flannel-backend": &c.FlannelBackend,
		"write-kubeconfig": &c.WriteKubeconfig, "write-kubeconfig-mode": &c.WriteKubeconfigMode,
		"cluster-init": &c.ClusterInit, "secrets-encryption": &c.SecretsEncryption,
		"disable-helm-controller": &c.DisableHelm, "disable-agent": &c.DisableAgent,
		"disable-scheduler": &c.DisableScheduler, "kube-apiserver-arg": &c.APIServerArgs,
		"kube-controller-manager-arg": &c.ControllerArgs, "kube-scheduler-arg": &c.SchedulerArgs,
		"etcd-arg": &c.EtcdArgs,
	}
}

// Ignored lists the keys of K3s that are accepted and change nothing here,
// each with the reason. All other keys are refused.
func Ignored() map[string]string {
	return map[string]string{
		"etcd-snapshot-schedule-cron": "the lab takes no snapshots",
		"etcd-snapshot-retention":     "the lab takes no snapshots",
		"etcd-snapshot-dir":           "the lab takes no snapshots",
		"etcd-disable-snapshots":      "the lab takes no snapshots",
		"disable-cloud-controller":    "there is no cloud controller: the node part names its own addresses",
		"disable-kube-proxy":          "there is no kube-proxy",
		"kube-proxy-arg":              "there is no kube-proxy",
		"resolv-conf":                 "pods run in the node's own network and see its file",
		"disable-network-policy":      "nothing enforces network policies",
		"selinux":                     "there is no containerd",
		"snapshotter":                 "there is no containerd",
		"private-registry":            "there is no containerd",
		"system-default-registry":     "images are known by their last part",
		"embedded-registry":           "no image is ever pulled",
		"write-kubeconfig-group":      "the lab's nodes have no such groups",
		"log":                         "everything goes to the journal",
		"alsologtostderr":             "everything goes to the journal",
		"debug":                       "the verbosity does not change",
		"v":                           "the verbosity does not change",
		"vmodule":                     "the verbosity does not change",
		"prefer-bundled-bin":          "there is nothing to prefer",
		"tls-san-security":            "certificates carry the names of tls-san and no others",
	}
}
