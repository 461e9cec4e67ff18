package addons

import (
	"context"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// missed are the kinds of objects that somebody would miss. What comes by
// itself, such as slices and events, is not among them.
func missed() []object.Kind {
	return []object.Kind{
		{Version: "v1", Name: "Pod", Plural: "pods"},
		{Version: "v1", Name: "PersistentVolumeClaim", Plural: "persistentvolumeclaims"},
		{Version: "v1", Name: "ConfigMap", Plural: "configmaps"},
		object.Secret{}.Kind(),
		object.Service{}.Kind(),
		{Group: "apps", Version: "v1", Name: "Deployment", Plural: "deployments"},
		{Group: "apps", Version: "v1", Name: "StatefulSet", Plural: "statefulsets"},
		{Group: "apps", Version: "v1", Name: "DaemonSet", Plural: "daemonsets"},
		{Group: "batch", Version: "v1", Name: "CronJob", Plural: "cronjobs"},
		{Group: "batch", Version: "v1", Name: "Job", Plural: "jobs"},
		object.Ingress{}.Kind(), object.Middleware{}.Kind(), object.MiddlewareTCP{}.Kind(), ingressRoute(), object.IngressRouteTCP{}.Kind(), httpRoute(),
	}
}

// foreign lists what in a namespace is not ours. A kind that the cluster does
// not have has no objects; a list that cannot be had is an error.
func foreign(ctx context.Context, r cluster.Reader, namespace, service string) ([]string, error) {
	var out []string
	for _, k := range missed() {
		items, err := listAll(ctx, r, query{kind: k, path: k.ListIn(namespace)})
		if err != nil && !cluster.NotFound(err) {
			return nil, fmt.Errorf("look for what else is in namespace %s: %w", namespace, err)
		}
		for _, it := range items {
			if !it.ours() && !automatic(it, service) {
				out = append(out, strings.ToLower(it.kind.Name)+" "+it.meta.Name)
			}
		}
	}
	return out, nil
}

// automatic is what every namespace has, and the certificate, which is a
// service's own whoever has issued it.
func automatic(it item, service string) bool {
	switch it.kind.Name {
	case "ConfigMap":
		return it.meta.Name == "kube-root-ca.crt"
	case "Secret":
		// cert-manager keeps a key in one of its own while it is signed.
		return it.meta.Name == certificateSecret(service) || it.meta.Labels["cert-manager.io/next-private-key"] == "true"
	}
	return false
}

// holdsCertificate reports whether it is the secret with the certificate of a
// service. It goes with the service alone, whoever fills it from now on.
func (i item) holdsCertificate(service string) bool {
	return i.kind.Name == object.Secret{}.Kind().Name && i.meta.Name == certificateSecret(service)
}
