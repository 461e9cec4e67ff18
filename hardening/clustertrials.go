package hardening

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// The trials, by name: what the API has to refuse. All are dry runs.
const (
	trialPrivileged = "privileged pod"
	trialNodeLabel  = "label of a node"
)

// trialSpace is where the pod is tried: a namespace that every cluster has and
// that is the user's.
const trialSpace = "default"

func clusterTrials(nodes []string) []question {
	out := []question{trial(trialPrivileged, "a privileged pod in namespace "+trialSpace, privilegedPod(), cluster.Identity{})}
	if len(nodes) > 0 {
		node := nodes[0]
		out = append(out, trial(trialNodeLabel, "node "+node+" gives itself a label that is not for nodes to give", protectedLabel(node),
			cluster.Identity{User: "system:node:" + node, Groups: []string{"system:nodes", "system:authenticated"}}))
	}
	return out
}

func privilegedPod() cluster.Object {
	const name = "k3sedge-trial"
	return object("/api/v1/namespaces/"+trialSpace+"/pods/"+name, map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "namespace": trialSpace},
		"spec": map[string]any{"containers": []any{map[string]any{
			"name": "trial", "image": "k3sedge.invalid/trial", "securityContext": map[string]any{"privileged": true},
		}}},
	})
}

// protectedLabel carries the prefix that Kubernetes keeps for this very
// purpose (Kubernetes docs, NodeRestriction).
func protectedLabel(node string) cluster.Object {
	return object("/api/v1/nodes/"+url.PathEscape(node), map[string]any{
		"apiVersion": "v1", "kind": "Node",
		"metadata": map[string]any{"name": node, "labels": map[string]any{"node-restriction.kubernetes.io/k3sedge": "trial"}},
	})
}

func object(path string, content map[string]any) cluster.Object {
	data, err := json.Marshal(content)
	if err != nil {
		return cluster.Object{Path: path} // the API refuses an object without content
	}
	return cluster.Object{Path: path, JSON: data}
}

func trial(name, what string, o cluster.Object, who cluster.Identity) question {
	ask := func(ctx context.Context, api ClusterReader) ([]byte, error) { return api.PreviewAs(ctx, who, o) }
	return question{PartTrials + Part(" "+name), ask, func(c *facts.Cluster, _ []byte, err error) error {
		refused, answer, err := refusal(err)
		if err != nil {
			return err
		}
		c.Trials[name] = facts.Trial{What: what, Refused: refused, Answer: answer}
		return nil
	}}
}

// refusal tells a refusal by admission from what says nothing about it: an
// object that is wrong, an identity that may not be taken.
func refusal(err error) (refused bool, answer string, _ error) {
	var status *cluster.StatusError
	switch {
	case err == nil:
		return false, "it would have been made", nil
	case errors.As(err, &status) && status.Code == http.StatusForbidden && !strings.Contains(status.Message, "cannot impersonate"):
		return true, status.Message, nil
	}
	return false, "", err
}
