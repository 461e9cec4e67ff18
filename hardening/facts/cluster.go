package facts

import "time"

// Cluster is what the Kubernetes API told the operator's side, once for all
// nodes. A list that could not be had is nil and named in the problems as
// "cluster LIST"; one that is empty has length 0 and is not nil. Of Secrets,
// only names are kept.
type Cluster struct {
	Nodes           []ClusterNode      `json:"nodes"`
	Kubelets        map[string]Kubelet `json:"kubelets"` // configz by node
	Namespaces      []Object           `json:"namespaces"`
	Pods            []Pod              `json:"pods"`
	NetworkPolicies []NetworkPolicy    `json:"networkPolicies"`
	ServiceAccounts []ServiceAccount   `json:"serviceAccounts"`
	// ClusterAdmins are the bindings that grant the ClusterRole cluster-admin.
	ClusterAdmins []Binding `json:"clusterAdmins"`
	// TokenSecrets are the Secrets that hold a token which never ends.
	TokenSecrets []Object `json:"tokenSecrets"`
	// Trials are requests that the API should refuse, sent as dry runs.
	Trials map[string]Trial `json:"trials"`
	Edge   Edge             `json:"edge"`
}

// Object is what all objects of Kubernetes have.
type Object struct {
	Namespace   string            `json:"namespace,omitempty"`
	Name        string            `json:"name"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Created     time.Time         `json:"creationTimestamp"`
}

// ClusterNode is a Node object.
type ClusterNode struct {
	Object
	Ready   bool   `json:"ready"`
	Version string `json:"version"` // of its kubelet
	// Args is the command line with which K3s says it was started, its
	// configuration files merged into it and its secrets masked; nil where the
	// node does not say.
	Args []string `json:"args"`
}

// Kubelet is what a kubelet does, in the words of its KubeletConfiguration.
// Numbers that it does not name are nil.
type Kubelet struct {
	Anonymous             bool          `json:"anonymous"`
	Webhook               bool          `json:"webhook"` // its authentication asks the API
	Authorization         string        `json:"authorization"`
	ReadOnlyPort          int           `json:"readOnlyPort"`
	ProtectKernelDefaults bool          `json:"protectKernelDefaults"`
	SeccompDefault        bool          `json:"seccompDefault"`
	PodPidsLimit          *int64        `json:"podPidsLimit"`
	StreamingIdle         time.Duration `json:"streamingIdle"`
	EventRecordQPS        *int64        `json:"eventRecordQPS"`
}
