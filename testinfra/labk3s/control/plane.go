package control

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
)

// APIPort is where kube-apiserver listens on loopback, behind the supervisor.
const APIPort = 6444

// Plane says where the parts of a server find their files.
type Plane struct {
	Config    config.Config
	Dir       string // DIR/server
	Advertise string // the address of this server
	Members   bool   // other servers may be there: the parts elect a leader
	// Emulated is a processor in software, on which a lease is not renewed in
	// the ten seconds of a real one's.
	Emulated bool
	// Contained is a machine that shares memory and disk with others: neither is
	// spent for time, and no write is waited for, as the power is never cut.
	Contained bool
}

// GOGC is that of a part, whose memory has a limit besides.
func (p Plane) GOGC() int {
	if p.Contained {
		return 80
	}
	return 300
}

// election says how a part gets to lead.
func (p Plane) election(args map[string]string) map[string]string {
	args["leader-elect"] = strconv.FormatBool(p.Members)
	if p.Members && p.Emulated {
		args["leader-elect-lease-duration"], args["leader-elect-renew-deadline"], args["leader-elect-retry-period"] = "150s", "120s", "5s"
	}
	return args
}

func (p Plane) tls(name string) string { return filepath.Join(p.Dir, "tls", name) }

func (p Plane) cred(name string) string { return filepath.Join(p.Dir, "cred", name) }

// APIServer gives kube-apiserver its arguments: those of K3s.
func (p Plane) APIServer() []string {
	issuer := "https://kubernetes.default.svc." + p.Config.ClusterDomain
	args := map[string]string{
		"advertise-address": p.Advertise, "advertise-port": strconv.Itoa(p.Config.HTTPSPort),
		"allow-privileged": "true", "anonymous-auth": "false",
		"api-audiences":      issuer + ",k3s",
		"authorization-mode": "Node,RBAC", "bind-address": "127.0.0.1",
		"cert-dir":                 p.tls("temporary-certs"),
		"client-ca-file":           p.tls("client-ca.crt"),
		"enable-admission-plugins": "NodeRestriction", "enable-aggregator-routing": "true",
		"etcd-servers": "https://127.0.0.1:2379", "etcd-cafile": p.tls("etcd/server-ca.crt"),
		"etcd-certfile": p.tls("etcd/client.crt"), "etcd-keyfile": p.tls("etcd/client.key"),
		"kubelet-certificate-authority":      p.tls("server-ca.crt"),
		"kubelet-client-certificate":         p.tls("client-kube-apiserver.crt"),
		"kubelet-client-key":                 p.tls("client-kube-apiserver.key"),
		"kubelet-preferred-address-types":    "InternalIP,ExternalIP,Hostname",
		"profiling":                          "false",
		"proxy-client-cert-file":             p.tls("client-auth-proxy.crt"),
		"proxy-client-key-file":              p.tls("client-auth-proxy.key"),
		"requestheader-allowed-names":        "system:auth-proxy",
		"requestheader-client-ca-file":       p.tls("request-header-ca.crt"),
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-username-headers":     "X-Remote-User",
		"secure-port":                        strconv.Itoa(APIPort),
		"service-account-issuer":             issuer,
		"service-account-key-file":           p.tls("service.key"),
		"service-account-signing-key-file":   p.tls("service.current.key"),
		"service-cluster-ip-range":           p.Config.ServiceCIDR,
		"service-node-port-range":            p.Config.NodePortRange,
		"storage-backend":                    "etcd3",
		"tls-cert-file":                      p.tls("serving-kube-apiserver.crt"),
		"tls-private-key-file":               p.tls("serving-kube-apiserver.key"),
	}
	if p.Config.SecretsEncryption {
		args["encryption-provider-config"] = p.cred("encryption-config.json")
		args["encryption-provider-config-automatic-reload"] = "true"
	}
	return merge(args, p.Config.APIServerArgs)
}

// controllers are those that the lab's objects need. The others cost memory
// and start-up time on the lab's two cores.
func controllers() string {
	return strings.Join([]string{
		"serviceaccount-token-controller", "endpointslice-controller", "endpointslice-mirroring-controller",
		"endpoints-controller", "pod-garbage-collector-controller", "resourcequota-controller", "namespace-controller",
		"serviceaccount-controller", "garbage-collector-controller", "daemonset-controller", "job-controller",
		"deployment-controller", "replicaset-controller", "statefulset-controller", "cronjob-controller",
		"disruption-controller", "certificatesigningrequest-signing-controller",
		"certificatesigningrequest-approving-controller", "ttl-controller", "node-ipam-controller",
		"node-lifecycle-controller", "taint-eviction-controller", "clusterrole-aggregation-controller",
		"ttl-after-finished-controller", "root-ca-certificate-publisher-controller",
		"validatingadmissionpolicy-status-controller",
	}, ",")
}

// ControllerManager gives kube-controller-manager its arguments.
func (p Plane) ControllerManager() []string {
	args := map[string]string{
		"allocate-node-cidrs": "true", "authentication-kubeconfig": p.cred("controller.kubeconfig"),
		"authorization-kubeconfig": p.cred("controller.kubeconfig"), "bind-address": "127.0.0.1",
		"cluster-cidr": p.Config.ClusterCIDR, "configure-cloud-routes": "false", "controllers": controllers(),
		"kubeconfig": p.cred("controller.kubeconfig"),
		"profiling":  "false", "root-ca-file": p.tls("server-ca.crt"), "secure-port": "10257",
		"service-account-private-key-file": p.tls("service.current.key"),
		"service-cluster-ip-range":         p.Config.ServiceCIDR,
		"tls-cert-file":                    p.tls("serving-kube-apiserver.crt"),
		"tls-private-key-file":             p.tls("serving-kube-apiserver.key"),
		"use-service-account-credentials":  "true",
	}
	for purpose, ca := range map[string]string{
		"kube-apiserver-client": "client-ca", "kubelet-client": "client-ca",
		"kubelet-serving": "server-ca", "legacy-unknown": "server-ca",
	} {
		args["cluster-signing-"+purpose+"-cert-file"] = p.tls(ca + ".crt")
		args["cluster-signing-"+purpose+"-key-file"] = p.tls(ca + ".key")
	}
	return merge(p.election(args), p.Config.ControllerArgs)
}

// Scheduler gives kube-scheduler its arguments.
func (p Plane) Scheduler() []string {
	return merge(p.election(map[string]string{
		"authentication-kubeconfig": p.cred("scheduler.kubeconfig"),
		"authorization-kubeconfig":  p.cred("scheduler.kubeconfig"),
		"bind-address":              "127.0.0.1", "kubeconfig": p.cred("scheduler.kubeconfig"),
		"profiling": "false", "secure-port": "10259",
		"tls-cert-file":        p.tls("serving-kube-apiserver.crt"),
		"tls-private-key-file": p.tls("serving-kube-apiserver.key"),
	}), p.Config.SchedulerArgs)
}
