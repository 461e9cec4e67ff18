package hardening

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// The parts of the facts that come from the Kubernetes API. A control that
// needs one of them needs PartCluster too, which makes it one of the cluster's.
const (
	PartCluster         Part = "cluster"
	PartNodes           Part = "cluster nodes"
	PartKubelets        Part = "cluster kubelets"
	PartNamespaces      Part = "cluster namespaces"
	PartPods            Part = "cluster pods"
	PartNetworkPolicies Part = "cluster networkPolicies"
	PartServiceAccounts Part = "cluster serviceAccounts"
	PartClusterAdmins   Part = "cluster clusterAdmins"
	PartTokenSecrets    Part = "cluster tokenSecrets"
	PartTrials          Part = "cluster trials"
)

// clusterSeen says which of these parts are there.
func clusterSeen(c *facts.Cluster) map[Part]bool {
	if c == nil {
		return nil
	}
	seen := edgeSeen(c.Edge)
	maps.Copy(seen, map[Part]bool{
		PartCluster: true, PartNodes: c.Nodes != nil, PartKubelets: c.Kubelets != nil, PartNamespaces: c.Namespaces != nil,
		PartPods: c.Pods != nil, PartNetworkPolicies: c.NetworkPolicies != nil, PartServiceAccounts: c.ServiceAccounts != nil,
		PartClusterAdmins: c.ClusterAdmins != nil, PartTokenSecrets: c.TokenSecrets != nil, PartTrials: c.Trials != nil,
	})
	return seen
}

// clusterLists are the lists that are asked for, each of them once.
func clusterLists() []question {
	return []question{
		listOf(PartNodes, "/api/v1/nodes", func(c *facts.Cluster) *[]facts.ClusterNode { return &c.Nodes }, toNode),
		listOf(PartNamespaces, "/api/v1/namespaces", func(c *facts.Cluster) *[]facts.Object { return &c.Namespaces }, toObject),
		listOf(PartPods, "/api/v1/pods", func(c *facts.Cluster) *[]facts.Pod { return &c.Pods }, toPod),
		listOf(PartNetworkPolicies, "/apis/networking.k8s.io/v1/networkpolicies", func(c *facts.Cluster) *[]facts.NetworkPolicy { return &c.NetworkPolicies }, toNetworkPolicy),
		listOf(PartServiceAccounts, "/api/v1/serviceaccounts", func(c *facts.Cluster) *[]facts.ServiceAccount { return &c.ServiceAccounts }, toServiceAccount),
		clusterAdmins(),
		listOf(PartTokenSecrets, "/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Fservice-account-token", func(c *facts.Cluster) *[]facts.Object { return &c.TokenSecrets }, toName),
	}
}

// listOf is a list at path whose items, of the API's form In, are kept as Out.
func listOf[In, Out any](part Part, path string, into func(*facts.Cluster) *[]Out, convert func(In) Out) question {
	return question{part, get(path), func(c *facts.Cluster, answer []byte, err error) error {
		if err != nil {
			return err
		}
		items, err := itemsOf[In](answer)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		out := make([]Out, len(items))
		for i, item := range items {
			out[i] = convert(item)
		}
		*into(c) = out
		return nil
	}}
}

// itemsOf are the items of a list. An answer that is no list has none to give.
func itemsOf[T any](answer []byte) ([]T, error) {
	var list struct {
		Items *[]T `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, err
	}
	if list.Items == nil {
		return nil, fmt.Errorf("it is no list")
	}
	return *list.Items, nil
}

// clusterAdmins keeps of all bindings those that grant everything.
func clusterAdmins() question {
	const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
	return question{PartClusterAdmins, get(path), func(c *facts.Cluster, answer []byte, err error) error {
		if err != nil {
			return err
		}
		items, err := itemsOf[bindingObject](answer)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		c.ClusterAdmins = []facts.Binding{}
		for _, b := range items {
			if b.RoleRef.Name == "cluster-admin" {
				c.ClusterAdmins = append(c.ClusterAdmins, facts.Binding{Object: b.Metadata, Subjects: b.subjects()})
			}
		}
		return nil
	}}
}
