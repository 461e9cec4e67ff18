package certmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// errStranger is a cert-manager that is not ours. Two of them would issue each
// certificate twice, and each undo what the other did.
var errStranger = errors.New("a cert-manager is there already and not of k3sedge")

// deployment is what we read of a Deployment.
type deployment struct {
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Generation  int64             `json:"generation"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Replicas *int `json:"replicas"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64 `json:"observedGeneration"`
		Updated            int   `json:"updatedReplicas"`
		Available          int   `json:"availableReplicas"`
	} `json:"status"`
}

// helmed reports whether the object came by the release that ours would be.
func helmed(annotations map[string]string) bool {
	return annotations["meta.helm.sh/release-name"] == name && annotations["meta.helm.sh/release-namespace"] == namespace
}

// strangers finds what of others would be written over. Where our HelmChart is
// there, the rest is ours too.
func (c Config) strangers(ctx context.Context, r cluster.Reader) error {
	live, err := apply.Look(ctx, r, ref().Path())
	if err != nil || apply.Ours(live) {
		return err
	}
	if live != nil && !c.Adopt {
		return refuse("the HelmChart "+chart.Home+"/"+name, "--adopt hands it over to k3sedge; ")
	}
	query := url.Values{"labelSelector": {"app.kubernetes.io/name=" + name}}
	list, err := chart.Get[struct{ Items []deployment }](ctx, r, "/apis/apps/v1/deployments?"+query.Encode())
	if err != nil {
		return fmt.Errorf("look for another cert-manager: %w", err)
	}
	for _, d := range list.Items {
		same := helmed(d.Metadata.Annotations)
		switch {
		case same && c.Adopt:
		case same:
			return refuse("the Helm release "+namespace+"/"+name, "--adopt has k3sedge upgrade it in place; ")
		default:
			return refuse("the Deployment "+d.Metadata.Namespace+"/"+d.Metadata.Name, "uninstall it, but keep its CustomResourceDefinitions; ")
		}
	}
	return errors.Join(c.definitions(ctx, r), c.foreignNamespace(ctx, r))
}

func refuse(what, way string) error {
	return machine.WithHint(fmt.Errorf("%w: %s", errStranger, what),
		"%sor take edge.certificates out and fill the secrets NAME-tls by your own Certificates", way)
}

// definitions looks whether Helm could take over the kinds of objects, which
// it does only for its own release.
func (c Config) definitions(ctx context.Context, r cluster.Reader) error {
	live, err := apply.Look(ctx, r, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+certificateCRD)
	if err != nil || live == nil {
		return err
	}
	var head struct{ Metadata object.Meta }
	if err := json.Unmarshal(live, &head); err != nil {
		return fmt.Errorf("read the CustomResourceDefinition %s: %w", certificateCRD, err)
	}
	if helmed(head.Metadata.Annotations) {
		return nil
	}
	return machine.WithHint(fmt.Errorf("%w: its CustomResourceDefinitions", errStranger),
		"hand them over, all of group cert-manager.io: kubectl annotate --overwrite crd NAME meta.helm.sh/release-name=%s meta.helm.sh/release-namespace=%s && kubectl label --overwrite crd NAME app.kubernetes.io/managed-by=Helm", name, namespace)
}

func (c Config) foreignNamespace(ctx context.Context, r cluster.Reader) error {
	if c.Adopt {
		return nil
	}
	return apply.Vacant(ctx, r, namespace)
}
