package cloudflared

import (
	"strconv"

	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/object"
)

// remoteSet is the pods that get their rules from Cloudflare. The token comes
// by the environment: a process list shows arguments to everybody on the node.
func remoteSet(k cloudflare.Connector) object.DaemonSet {
	c := container("run")
	c.Env = []object.EnvVar{{Name: "TUNNEL_TOKEN", ValueFrom: object.EnvSource{SecretKeyRef: object.KeyRef{Name: tokenSecret, Key: tokenKey}}}}
	return set(c, map[string]string{tunnelAnnotation: k.Tunnel, tokenSum: sum(k.Token.Reveal())})
}

// localSet is the pods that have their rules with them.
func localSet(k cloudflare.Connector, config string) object.DaemonSet {
	c := container("--config", configFolder+"/"+configKey, "run")
	c.VolumeMounts = []object.VolumeMount{
		{Name: "config", MountPath: configFolder, ReadOnly: true}, {Name: "credentials", MountPath: credentialsFolder, ReadOnly: true},
	}
	s := set(c, map[string]string{tunnelAnnotation: k.Tunnel, tokenSum: sum(k.Credentials.Reveal()), configSum: sum(config)})
	s.Spec.Template.Spec.Volumes = []object.Volume{
		{Name: "config", ConfigMap: &object.ConfigMapVolume{Name: name}},
		{Name: "credentials", Secret: &object.SecretVolume{SecretName: credentialsSecret}},
	}
	return s
}

// container is cloudflared. It is ready when it is connected, and alive as long
// as it answers: a node that is offline does not restart it.
func container(args ...string) object.Container {
	const loopback = "127.0.0.1"
	probe := func(path string, failures int) *object.Probe {
		return &object.Probe{HTTPGet: object.HTTPGet{Host: loopback, Path: path, Port: metricsPort}, PeriodSeconds: 10, FailureThreshold: failures}
	}
	return object.Container{
		Name: name, Image: Image(), ImagePullPolicy: "IfNotPresent",
		Args:           append([]string{"tunnel", "--no-autoupdate", "--metrics", loopback + ":" + strconv.Itoa(metricsPort)}, args...),
		Resources:      object.Resources{Requests: map[string]string{"cpu": "10m", "memory": "64Mi"}},
		ReadinessProbe: probe("/ready", 3), LivenessProbe: probe("/healthcheck", 6),
		SecurityContext:          object.SecurityContext{ReadOnlyRootFilesystem: true, Capabilities: object.Capabilities{Drop: []string{"ALL"}}},
		TerminationMessagePolicy: "FallbackToLogsOnError",
	}
}

// set is a pod on each node, whatever else the node keeps away.
func set(c object.Container, annotations map[string]string) object.DaemonSet {
	const user = 65532
	return object.DaemonSet{
		Meta: meta(name),
		Spec: object.DaemonSetSpec{
			Selector:       object.Selector{MatchLabels: labels()},
			UpdateStrategy: object.UpdateStrategy{Type: "RollingUpdate", RollingUpdate: object.RollingUpdate{MaxUnavailable: 1}},
			Template: object.PodTemplate{
				Metadata: object.PodMeta{Labels: labels(), Annotations: annotations},
				Spec: object.PodSpec{
					ServiceAccountName: name, HostNetwork: true, DNSPolicy: "ClusterFirstWithHostNet",
					SecurityContext: object.PodSecurityContext{RunAsNonRoot: true, RunAsUser: user, RunAsGroup: user, FSGroup: user,
						SeccompProfile: object.SeccompProfile{Type: "RuntimeDefault"}},
					Tolerations: []object.Toleration{
						{Key: "CriticalAddonsOnly", Operator: "Exists"},
						{Key: "node-role.kubernetes.io/control-plane", Operator: "Exists", Effect: "NoSchedule"},
					},
					Containers: []object.Container{c},
				},
			},
		},
	}
}
