package kubetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

func (s suite) apply(t *testing.T, n space) {
	o := n.configMap("a", map[string]any{"k": "v"})
	s.mustApply(t, o)
	got := s.get(t, o.Path)
	if got.Kind != "ConfigMap" || got.Metadata.Name != "a" || got.Metadata.Namespace != n.name || got.Data["k"] != "v" || got.Metadata.UID == "" {
		t.Errorf("got %+v", got)
	}
}

func (s suite) again(t *testing.T, n space) {
	for _, o := range []cluster.Object{n.configMap("a", map[string]any{"k": "v"}), n.service("a", 80), n.ingress("a", "a.kubetest.invalid")} {
		s.mustApply(t, o)
		first := s.get(t, o.Path).Metadata
		s.mustApply(t, o)
		if second := s.get(t, o.Path).Metadata; first.ResourceVersion != second.ResourceVersion || first.UID != second.UID {
			t.Errorf("%s: %+v became %+v", o.Path, first, second)
		}
	}
}

func (s suite) fieldGoes(t *testing.T, n space) {
	s.mustApply(t, n.configMap("a", map[string]any{"k": "v", "old": "v"}))
	s.mustApply(t, n.configMap("a", map[string]any{"k": "w"}))
	if got := s.get(t, n.path("configmaps", "a")).Data; !maps.Equal(got, map[string]string{"k": "w"}) {
		t.Errorf("got %v", got)
	}
}

func (s suite) othersStay(t *testing.T, n space) {
	s.mustApply(t, n.service("a", 80))
	address := s.get(t, n.path("services", "a")).Spec["clusterIP"]
	s.mustApply(t, n.service("a", 81))
	got := s.get(t, n.path("services", "a")).Spec
	if got["clusterIP"] != address || address == nil {
		t.Errorf("clusterIP was %v and is %v", address, got["clusterIP"])
	}
	if name := s.get(t, n.namespace().Path).Metadata.Labels["kubernetes.io/metadata.name"]; name != n.name {
		t.Errorf("the namespace's own label is %q", name)
	}
}

func (s suite) preview(t *testing.T, n space) {
	o := n.configMap("a", map[string]any{"k": "v"})
	if _, err := s.api.Preview(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.Get(t.Context(), o.Path); !cluster.NotFound(err) {
		t.Errorf("after a preview: %v", err)
	}
	s.mustApply(t, o)
	before := s.get(t, o.Path)
	if _, err := s.api.Preview(t.Context(), n.configMap("a", map[string]any{"k": "w"})); err != nil {
		t.Fatal(err)
	}
	if after := s.get(t, o.Path); after.Data["k"] != "v" || after.Metadata.ResourceVersion != before.Metadata.ResourceVersion {
		t.Errorf("a preview made %+v of %+v", after, before)
	}
}

func (s suite) previewHolds(t *testing.T, n space) {
	s.mustApply(t, n.configMap("a", map[string]any{"k": "v", "old": "v"}))
	o := n.configMap("a", map[string]any{"k": "w", "new": "v"})
	data, err := s.api.Preview(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.mustApply(t, o)
	if said, is := read(t, data), s.get(t, o.Path); !maps.Equal(said.Data, is.Data) || said.Metadata.UID != is.Metadata.UID {
		t.Errorf("previewed %+v, became %+v", said, is)
	}
}

func (s suite) remove(t *testing.T, n space) {
	o := n.configMap("a", map[string]any{"k": "v"})
	s.mustApply(t, o)
	for range 2 {
		if err := s.api.Delete(t.Context(), o.Path); err != nil {
			t.Fatal(err)
		}
		s.gone(t, o.Path)
	}
}

func (s suite) generation(t *testing.T, n space) {
	o := n.ingress("a", "a.kubetest.invalid")
	s.mustApply(t, o)
	first := s.get(t, o.Path).Metadata.Generation
	s.mustApply(t, n.ingress("a", "b.kubetest.invalid"))
	if second := s.get(t, o.Path).Metadata.Generation; first != 1 || second != 2 {
		t.Errorf("generations %d and %d, want 1 and 2", first, second)
	}
}

func (s suite) namespaceGoes(t *testing.T, n space) {
	o := n.configMap("a", map[string]any{"k": "v"})
	s.mustApply(t, o)
	if err := s.api.Delete(t.Context(), n.namespace().Path); err != nil {
		t.Fatal(err)
	}
	s.gone(t, o.Path)
	s.gone(t, n.namespace().Path)
}

func (s suite) secret(t *testing.T, n space) {
	const canary = "canary!not:base64"
	err := s.api.Apply(t.Context(), object(n.path("secrets", "a"), map[string]any{"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": "a", "namespace": n.name}, "data": map[string]any{"k": canary}}))
	if said := fmt.Sprint(err); err == nil || strings.Contains(said, canary) {
		t.Errorf("got %v, want a refusal that does not quote", err)
	}
}

func (n space) service(name string, port int) cluster.Object {
	return object(n.path("services", name), map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": name, "namespace": n.name},
		"spec": map[string]any{"ports": []any{map[string]any{"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}}}})
}

func (n space) slice(name, addressType, address string) cluster.Object {
	path := "/apis/discovery.k8s.io/v1/namespaces/" + n.name + "/endpointslices/" + name
	return object(path, map[string]any{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": map[string]any{"name": name, "namespace": n.name},
		"addressType": addressType, "endpoints": []any{map[string]any{"addresses": []any{address}}}, "ports": []any{map[string]any{"name": "http", "port": 80, "protocol": "TCP"}}})
}

func (n space) ingress(name, host string) cluster.Object {
	backend := map[string]any{"service": map[string]any{"name": name, "port": map[string]any{"name": "http"}}}
	return object("/apis/networking.k8s.io/v1/namespaces/"+n.name+"/ingresses/"+name, map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
		"metadata": map[string]any{"name": name, "namespace": n.name},
		// A class that nobody serves: nothing in the cluster may act on it.
		"spec": map[string]any{"ingressClassName": "kubetest", "rules": []any{map[string]any{"host": host,
			"http": map[string]any{"paths": []any{map[string]any{"path": "/", "pathType": "Prefix", "backend": backend}}}}}}})
}

// names of the items of a list, in order.
func names(items []seen) []string {
	var out []string
	for _, i := range items {
		out = append(out, i.Metadata.Name)
	}
	slices.Sort(out)
	return out
}
