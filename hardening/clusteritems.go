package hardening

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// described is any object: what all of them have.
type described struct{ Metadata facts.Object }

func toObject(o described) facts.Object { return o.Metadata }

// toName leaves out the annotations too, in which kubectl keeps a copy of the object.
func toName(o described) facts.Object {
	return facts.Object{Namespace: o.Metadata.Namespace, Name: o.Metadata.Name, Created: o.Metadata.Created}
}

type nodeItem struct {
	described
	Status struct {
		Conditions []struct{ Type, Status string }
		NodeInfo   struct{ KubeletVersion string }
	}
}

// nodeArgs is where K3s says how it was started (K3s pkg/nodeconfig).
const nodeArgs = "k3s.io/node-args"

func toNode(n nodeItem) facts.ClusterNode {
	out := facts.ClusterNode{Object: n.Metadata, Version: n.Status.NodeInfo.KubeletVersion}
	for _, c := range n.Status.Conditions {
		out.Ready = out.Ready || c.Type == "Ready" && c.Status == "True"
	}
	if err := json.Unmarshal([]byte(n.Metadata.Annotations[nodeArgs]), &out.Args); err != nil {
		out.Args = nil // the node does not say, or nothing that can be read
	}
	return out
}

type bindingObject struct {
	described
	RoleRef  struct{ Name string }
	Subjects []struct{ Kind, Name, Namespace string }
}

func (b bindingObject) subjects() []string {
	out := []string{}
	for _, s := range b.Subjects {
		name := s.Name
		if s.Namespace != "" {
			name = s.Namespace + "/" + s.Name
		}
		out = append(out, s.Kind+" "+name)
	}
	return out
}

type accountItem struct {
	described
	AutomountServiceAccountToken *bool
}

func toServiceAccount(a accountItem) facts.ServiceAccount {
	return facts.ServiceAccount{Object: a.Metadata, Automount: a.AutomountServiceAccountToken}
}

type policyItem struct {
	described
	Spec struct {
		PodSelector struct {
			MatchLabels      map[string]string
			MatchExpressions []any
		}
		PolicyTypes []string
		Ingress     []any
		Egress      []struct{ Ports []policyPort }
	}
}

type policyPort struct {
	Port any // a number or a name
}

func toNetworkPolicy(p policyItem) facts.NetworkPolicy {
	s := p.Spec
	out := facts.NetworkPolicy{
		Object: p.Metadata, Types: s.PolicyTypes, Ingress: len(s.Ingress), Egress: len(s.Egress),
		AllPods: len(s.PodSelector.MatchLabels) == 0 && len(s.PodSelector.MatchExpressions) == 0,
	}
	for _, rule := range s.Egress {
		out.DNS = out.DNS || len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(port policyPort) bool { return fmt.Sprint(port.Port) == "53" || port.Port == nil })
	}
	return out
}
