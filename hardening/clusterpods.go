package hardening

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// podItem is a Pod as the API gives it, as far as it is kept.
type podItem struct {
	described
	Spec struct {
		NodeName, ServiceAccountName string
		HostNetwork, HostPID         bool
		AutomountServiceAccountToken *bool
		SecurityContext              securityContext
		Containers, InitContainers   []containerItem
		Volumes                      []map[string]json.RawMessage
	}
	Status struct{ Phase string }
}

type securityContext struct {
	RunAsNonRoot             *bool
	RunAsUser                *int64
	Privileged               bool
	ReadOnlyRootFilesystem   bool
	AllowPrivilegeEscalation *bool
	SeccompProfile           struct{ Type string }
	Capabilities             struct{ Add, Drop []string }
}

type containerItem struct {
	Name, Image     string
	Command, Args   []string
	SecurityContext securityContext
	Ports           []struct {
		ContainerPort, HostPort int
		HostIP, Protocol        string
	}
	Env []struct {
		Name      string
		Value     string
		ValueFrom struct{ SecretKeyRef struct{ Name string } }
	}
	EnvFrom []struct{ SecretRef struct{ Name string } }
}

func toPod(p podItem) facts.Pod {
	s := p.Spec
	out := facts.Pod{
		Object: p.Metadata, Node: s.NodeName, Phase: p.Status.Phase, HostNetwork: s.HostNetwork, HostPID: s.HostPID,
		ServiceAccount: cmp.Or(s.ServiceAccountName, "default"), Automount: s.AutomountServiceAccountToken,
		Seccomp: s.SecurityContext.SeccompProfile.Type, NonRoot: s.SecurityContext.RunAsNonRoot, User: s.SecurityContext.RunAsUser,
	}
	for _, c := range s.InitContainers {
		out.Containers = append(out.Containers, c.container(true))
	}
	for _, c := range s.Containers {
		out.Containers = append(out.Containers, c.container(false))
	}
	for _, v := range s.Volumes {
		delete(v, "name")
		out.Volumes = slices.AppendSeq(out.Volumes, maps.Keys(v))
	}
	slices.Sort(out.Volumes)
	out.Volumes = slices.Compact(out.Volumes)
	return out
}

// container leaves out the values of variables: they may be secrets.
func (c containerItem) container(first bool) facts.Container {
	s := c.SecurityContext
	out := facts.Container{
		Name: c.Name, Image: c.Image, Init: first, Args: slices.Concat(c.Command, c.Args),
		Privileged: s.Privileged, Escalation: s.AllowPrivilegeEscalation, ReadOnlyRoot: s.ReadOnlyRootFilesystem,
		NonRoot: s.RunAsNonRoot, User: s.RunAsUser, Seccomp: s.SeccompProfile.Type, Add: s.Capabilities.Add, Drop: s.Capabilities.Drop,
	}
	for _, p := range c.Ports {
		out.Ports = append(out.Ports, facts.ContainerPort{Port: p.ContainerPort, HostPort: p.HostPort, HostIP: p.HostIP, Protocol: p.Protocol})
	}
	for _, e := range c.Env {
		out.Env = append(out.Env, facts.ContainerEnv{Name: e.Name, Secret: e.ValueFrom.SecretKeyRef.Name, Inline: e.Value != ""})
	}
	for _, e := range c.EnvFrom {
		if e.SecretRef.Name != "" {
			out.Env = append(out.Env, facts.ContainerEnv{Secret: e.SecretRef.Name})
		}
	}
	return out
}
