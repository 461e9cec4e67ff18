package agent

import "k8s.io/client-go/rest"

// Node is what the node part is given. It is node.Config field by field, so
// that this package does not depend on it.
type Node struct {
	Name, IP                                            string
	Rest, Proxy                                         *rest.Config
	ServingCert, ServingKey, ClientCA                   string
	DataDir                                             string
	ClusterCIDR, ServiceCIDR, ClusterDNS, ClusterDomain string
	FlannelIface                                        string
	Labels, Taints, KubeletArgs                         []string
	ProtectKernelDefaults, Server                       bool
	Version                                             string
	Ready                                               func()
}
