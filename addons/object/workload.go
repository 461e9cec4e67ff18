package object

// ServiceAccount is a v1 ServiceAccount.
type ServiceAccount struct {
	Meta `json:"-"`
	// AutomountServiceAccountToken is always written: left out, every pod
	// would get a token for the API.
	AutomountServiceAccountToken bool `json:"automountServiceAccountToken"`
}

// Kind implements Object.
func (ServiceAccount) Kind() Kind {
	return Kind{"", "v1", "ServiceAccount", "serviceaccounts", false}
}

// ConfigMap is a v1 ConfigMap.
type ConfigMap struct {
	Meta `json:"-"`
	Data map[string]string `json:"data"`
}

// Kind implements Object.
func (ConfigMap) Kind() Kind { return Kind{"", "v1", "ConfigMap", "configmaps", false} }

// DaemonSet is an apps/v1 DaemonSet: a pod on each node.
type DaemonSet struct {
	Meta `json:"-"`
	Spec DaemonSetSpec `json:"spec"`
}

// Kind implements Object.
func (DaemonSet) Kind() Kind { return Kind{"apps", "v1", "DaemonSet", "daemonsets", false} }

// DaemonSetSpec is the pods and how they are replaced.
type DaemonSetSpec struct {
	Selector       Selector       `json:"selector"`
	UpdateStrategy UpdateStrategy `json:"updateStrategy"`
	Template       PodTemplate    `json:"template"`
}

// Selector chooses pods by their labels.
type Selector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

// UpdateStrategy replaces pods on so many nodes at a time. Pods on the host's
// network cannot be there twice, so that none is started beforehand.
type UpdateStrategy struct {
	Type          string        `json:"type"`
	RollingUpdate RollingUpdate `json:"rollingUpdate"`
}

// RollingUpdate bounds a replacement.
type RollingUpdate struct {
	MaxUnavailable int `json:"maxUnavailable"`
	MaxSurge       int `json:"maxSurge"`
}

// PodTemplate is what the pods are made from.
type PodTemplate struct {
	Metadata PodMeta `json:"metadata"`
	Spec     PodSpec `json:"spec"`
}

// PodMeta is the labels and annotations of pods.
type PodMeta struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PodSpec is a pod.
type PodSpec struct {
	ServiceAccountName           string             `json:"serviceAccountName"`
	AutomountServiceAccountToken bool               `json:"automountServiceAccountToken"`
	HostNetwork                  bool               `json:"hostNetwork"`
	DNSPolicy                    string             `json:"dnsPolicy"`
	SecurityContext              PodSecurityContext `json:"securityContext"`
	Tolerations                  []Toleration       `json:"tolerations,omitempty"`
	Containers                   []Container        `json:"containers"`
	Volumes                      []Volume           `json:"volumes,omitempty"`
}

// PodSecurityContext says as whom a pod's containers run.
type PodSecurityContext struct {
	RunAsNonRoot   bool           `json:"runAsNonRoot"`
	RunAsUser      int64          `json:"runAsUser"`
	RunAsGroup     int64          `json:"runAsGroup"`
	FSGroup        int64          `json:"fsGroup"`
	SeccompProfile SeccompProfile `json:"seccompProfile"`
}

// SeccompProfile bounds the calls to the kernel.
type SeccompProfile struct {
	Type string `json:"type"`
}

// Toleration lets a pod on nodes that keep others away.
type Toleration struct {
	Key      string `json:"key"`
	Operator string `json:"operator"`
	Effect   string `json:"effect,omitempty"`
}

// Container is one of a pod's.
type Container struct {
	Name                     string          `json:"name"`
	Image                    string          `json:"image"`
	ImagePullPolicy          string          `json:"imagePullPolicy"`
	Args                     []string        `json:"args"`
	Env                      []EnvVar        `json:"env,omitempty"`
	Resources                Resources       `json:"resources"`
	ReadinessProbe           *Probe          `json:"readinessProbe,omitempty"`
	LivenessProbe            *Probe          `json:"livenessProbe,omitempty"`
	SecurityContext          SecurityContext `json:"securityContext"`
	TerminationMessagePolicy string          `json:"terminationMessagePolicy"`
	VolumeMounts             []VolumeMount   `json:"volumeMounts,omitempty"`
}

// EnvVar is a variable whose value is in a Secret.
type EnvVar struct {
	Name      string    `json:"name"`
	ValueFrom EnvSource `json:"valueFrom"`
}

// EnvSource is where the value comes from.
type EnvSource struct {
	SecretKeyRef KeyRef `json:"secretKeyRef"`
}

// KeyRef is one key of a Secret in the same namespace.
type KeyRef struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Resources are what a node sets aside for the container.
type Resources struct {
	Requests map[string]string `json:"requests,omitempty"`
}

// Probe asks the container how it is.
type Probe struct {
	HTTPGet          HTTPGet `json:"httpGet"`
	PeriodSeconds    int     `json:"periodSeconds"`
	FailureThreshold int     `json:"failureThreshold"`
}

// HTTPGet is the question of a probe.
type HTTPGet struct {
	Host string `json:"host"`
	Path string `json:"path"`
	Port int    `json:"port"`
}

// SecurityContext is what a container may do.
type SecurityContext struct {
	AllowPrivilegeEscalation bool         `json:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool         `json:"readOnlyRootFilesystem"`
	Capabilities             Capabilities `json:"capabilities"`
}

// Capabilities are those that are taken away.
type Capabilities struct {
	Drop []string `json:"drop"`
}

// Volume is files for a pod: exactly one source is set.
type Volume struct {
	Name      string           `json:"name"`
	ConfigMap *ConfigMapVolume `json:"configMap,omitempty"`
	Secret    *SecretVolume    `json:"secret,omitempty"`
}

// ConfigMapVolume is the files of a ConfigMap.
type ConfigMapVolume struct {
	Name string `json:"name"`
}

// SecretVolume is the files of a Secret.
type SecretVolume struct {
	SecretName string `json:"secretName"`
}

// VolumeMount is where a container sees a volume.
type VolumeMount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
	ReadOnly  bool   `json:"readOnly"`
}
