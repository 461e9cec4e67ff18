package addons

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// Each namespace of ours has the policy that closes it, whatever the service.
func TestEveryNamespaceOfOursIsClosed(t *testing.T) {
	t.Parallel()
	for name, v := range variants() {
		var namespaces, policies []string
		objects, err := Objects(testCluster(v.mode), v.service, v.secrets)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			switch o := o.(type) {
			case object.Namespace:
				namespaces = append(namespaces, o.Name)
			case object.NetworkPolicy:
				policies = append(policies, o.Namespace)
				wantClosed(t, name, o)
			}
		}
		if len(namespaces) == 0 || !slices.Equal(namespaces, policies) {
			t.Errorf("%s: namespaces %q, closed are %q", name, namespaces, policies)
		}
	}
}

// A selector that is left out or null would be refused by the API, and rules
// that are left out would close what is meant to be open, or the other way round.
func wantClosed(t *testing.T, name string, o object.NetworkPolicy) {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Spec map[string]json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	_, hasIngress := got.Spec["ingress"]
	if string(got.Spec["podSelector"]) != "{}" || string(got.Spec["policyTypes"]) != `["Ingress","Egress"]` || hasIngress {
		t.Errorf("%s: does not close all pods in both directions: %s", name, b)
	}
	if want := `[{"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}]}]`; string(got.Spec["egress"]) != want {
		t.Errorf("%s: lets out %s, wanted %s", name, got.Spec["egress"], want)
	}
}

// What stands for all services is closed too, in every mode.
func TestTheSystemNamespaceIsClosed(t *testing.T) {
	t.Parallel()
	for _, mode := range []inventory.EdgeMode{inventory.EdgeLAN, inventory.EdgePortForward, inventory.EdgeTunnel} {
		closed := 0
		objects, err := SystemObjects(testCluster(mode))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if p, ok := o.(object.NetworkPolicy); ok && p.Namespace == SystemNamespace {
				closed++
				wantClosed(t, string(mode), p)
			}
		}
		if closed != 1 {
			t.Errorf("%s: %d policies in %s", mode, closed, SystemNamespace)
		}
	}
}
