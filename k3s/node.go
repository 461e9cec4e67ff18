package k3s

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// nodeObject is what we read of a Node.
type nodeObject struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		PodCIDR string `json:"podCIDR"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type, Status, Reason, Message string
		} `json:"conditions"`
		NodeInfo struct {
			KubeletVersion string `json:"kubeletVersion"`
		} `json:"nodeInfo"`
	} `json:"status"`
}

const nodesPath = "/api/v1/nodes"

// ready says whether the node takes pods, and why not.
func (n nodeObject) ready() (bool, string) {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True", c.Reason + ": " + c.Message
		}
	}
	return false, "its kubelet has not reported yet"
}

// object returns the Node of this node.
func (v *view) object(ctx context.Context) (nodeObject, error) {
	var n nodeObject
	data, err := v.api.Get(ctx, nodesPath+"/"+v.node.Name)
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return n, fmt.Errorf("read the Node %s: %w", v.node.Name, err)
	}
	return n, nil
}

// objects returns all Nodes by their names.
func objects(ctx context.Context, api cluster.Reader) (map[string]nodeObject, error) {
	data, err := api.Get(ctx, nodesPath)
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []nodeObject `json:"items"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read the Nodes: %w", err)
	}
	out := make(map[string]nodeObject, len(list.Items))
	for _, n := range list.Items {
		out[n.Metadata.Name] = n
	}
	return out, nil
}

// overlayAddress is the address of the node's flannel.1: the network's own
// address of its part of the pod network (flannel pkg/backend/vxlan).
func (n nodeObject) overlayAddress() (netip.Addr, bool) {
	p, err := netip.ParsePrefix(n.Spec.PodCIDR)
	return p.Masked().Addr(), err == nil
}

func hostPort(a netip.Addr, port int) string { return net.JoinHostPort(a.String(), strconv.Itoa(port)) }
