package facts

// Pod is a pod, as far as controls look at it.
type Pod struct {
	Object
	Node           string `json:"node"`
	Phase          string `json:"phase"`
	HostNetwork    bool   `json:"hostNetwork"`
	HostPID        bool   `json:"hostPID"`
	ServiceAccount string `json:"serviceAccount"`
	// Automount says whether the pod asks for its account's token; nil leaves
	// it to the account.
	Automount  *bool       `json:"automount"`
	Seccomp    string      `json:"seccomp"` // of the pod: RuntimeDefault …
	NonRoot    *bool       `json:"nonRoot"`
	User       *int64      `json:"user"`
	Containers []Container `json:"containers"`
	Volumes    []string    `json:"volumes"` // the kinds: hostPath, secret …
}

// Container is one container of a pod, init containers among them.
type Container struct {
	Name         string          `json:"name"`
	Image        string          `json:"image"`
	Init         bool            `json:"init"`
	Args         []string        `json:"args"` // its command before them
	Env          []ContainerEnv  `json:"env"`
	Ports        []ContainerPort `json:"ports"`
	Privileged   bool            `json:"privileged"`
	Escalation   *bool           `json:"escalation"`
	ReadOnlyRoot bool            `json:"readOnlyRoot"`
	NonRoot      *bool           `json:"nonRoot"`
	User         *int64          `json:"user"`
	Seccomp      string          `json:"seccomp"`
	Add          []string        `json:"add"` // capabilities
	Drop         []string        `json:"drop"`
}

// ContainerEnv is a variable. Its value is not kept: it may be a secret.
type ContainerEnv struct {
	Name   string `json:"name"`
	Secret string `json:"secret"` // the Secret it comes from, "" where it does not
	Inline bool   `json:"inline"` // its value stands in the pod's own specification
}

// ContainerPort is a port that a container names.
type ContainerPort struct {
	Port     int    `json:"port"`
	HostPort int    `json:"hostPort"`
	HostIP   string `json:"hostIP"`
	Protocol string `json:"protocol"`
}

// NetworkPolicy says who may talk with the pods of a namespace.
type NetworkPolicy struct {
	Object
	AllPods bool     `json:"allPods"` // it selects every pod
	Types   []string `json:"types"`   // Ingress, Egress
	// Ingress and Egress count the rules: a type without rules lets nothing through.
	Ingress int `json:"ingress"`
	Egress  int `json:"egress"`
	// DNS is true where a rule of egress lets port 53 through.
	DNS bool `json:"dns"`
}

// ServiceAccount is who a pod is at the API.
type ServiceAccount struct {
	Object
	Automount *bool `json:"automount"`
}

// Binding grants a role to subjects.
type Binding struct {
	Object
	Subjects []string `json:"subjects"` // "Group system:masters", "ServiceAccount kube-system/name"
}

// Trial is a request that the API should refuse.
type Trial struct {
	What    string `json:"what"`
	Refused bool   `json:"refused"`
	Answer  string `json:"answer"` // in the API server's own words
}
