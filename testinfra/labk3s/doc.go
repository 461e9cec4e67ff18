// Command k3s is the lab's stand-in for K3s. It is NOT K3s: K3s cannot be
// fetched as a Go module, so the lab builds a program of K3s' shape from the
// parts that K3s is made of.
//
// Real, from their own modules: etcd (embedded), kube-apiserver,
// kube-controller-manager and kube-scheduler with their own flags, defaults,
// admission, RBAC, audit and encryption; the Helm SDK.
//
// Stand-in, in the form of K3s: the command line and config.yaml (unknown keys
// are refused; keys that are known but not acted on are listed in one table,
// config.Ignored), the tokens with their CA hash, the certificates and files
// below /var/lib/rancher/k3s and /etc/rancher/k3s, the supervisor on 6443, the
// agents' load balancer on 127.0.0.1:6444, node passwords, the Helm
// controller, the manifests folder. In place of kubelet and containerd stands
// a runner that starts pods whose image it knows as ordinary processes.
//
// Knowingly different: without cluster-init the store is etcd on loopback
// where K3s has SQLite; in a container etcd does not fsync, for nobody cuts its
// power; on an emulated processor leases are longer, and probes end a container
// later; the control plane's parts are child processes of the server where K3s
// runs them as goroutines; no kube-proxy but for the API's own Service, no
// CoreDNS, no network policies, no metrics. See package node.
//
// Build it with
//
//	go build -trimpath -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=v1.35.4+lab1'
//
// for Kubernetes knows its version from the linker alone; without it the
// program says so and does not start.
//
// # Contract between the packages
//
// What runs beside the control plane is given what it needs and nothing else:
// node.Run in the kubelet's place, helm.Run, deploy.Run for server/manifests,
// issuer.Run until cert-manager comes, charts.Stage for what K3s packages.
// Each Run blocks until ctx ends (nil) or it cannot go on (an error, which
// ends the whole process, as in K3s). Logs go through logrus, whose text is
// K3s' own. Of several servers one alone runs helm and issuer.
package main
