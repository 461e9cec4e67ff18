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
// where K3s has SQLite; etcd does not fsync, for the lab's disks are thrown
// away; the control plane's parts are child processes of the server where K3s
// runs them as goroutines; no kube-proxy, no network policies, no metrics.
//
// # Contract between the packages
//
// The parts that a server or an agent starts are given what they need and
// nothing else. Each Run blocks until ctx ends (nil) or it cannot go on (error,
// which ends the whole process, as in K3s). Log with logrus, whose text format
// is K3s' own.
//
//	package node    // the kubelet's place: Node object, lease, overlay, pods
//	func Run(ctx context.Context, c Config) error
//	type Config struct {
//		Name, IP              string       // node-name, node-ip
//		Rest                  *rest.Config // identity system:node:NAME, API by the local load balancer
//		Proxy                 *rest.Config // identity system:kube-proxy (services, endpoint slices)
//		ServingCert, ServingKey string     // files; kubelet's certificate for 10250
//		ClientCA              string       // file; who may ask on 10250
//		DataDir               string       // /var/lib/rancher/k3s
//		ClusterCIDR, ServiceCIDR, ClusterDNS, ClusterDomain string // the node's own pod CIDR is in its Node object
//		FlannelIface          string       // "" = the interface that has IP
//		Labels, Taints        []string     // key=value, key=value:Effect
//		KubeletArgs           []string     // name=value, unknown names are refused before anything starts
//		ProtectKernelDefaults bool
//		Server                bool         // control plane labels and the etcd role, as K3s sets them
//		Version               string       // v1.35.4+lab1
//		Ready                 func()       // called once when the Node object is registered
//	}
//
//	package helm    // HelmChart, HelmChartConfig and their CRDs
//	func Run(ctx context.Context, admin *rest.Config, chartsDir string) error
//
//	package deploy  // server/manifests, with Addon objects
//	func Run(ctx context.Context, admin *rest.Config, manifestsDir string) error
//
//	package issuer  // issues the certificates that cert-manager will issue later
//	func Run(ctx context.Context, admin *rest.Config, caDir string) error
//
//	package charts  // what K3s packages: static/charts/*.tgz and manifests/traefik.yaml …
//	func Stage(staticDir, manifestsDir string, disabled []string) error
//
// staticDir is DIR/server/static (served on 6443 as /static/, charts in its
// folder charts/), manifestsDir is DIR/server/manifests, caDir is DIR/server/issuer
// (0700, made by issuer when it is not there). helm's chartsDir is
// staticDir/charts; %{KUBERNETES_API}% in a chart's address stands for the
// API's host and port as in K3s.
package main
