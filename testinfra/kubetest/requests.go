package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

func (s suite) notFound(t *testing.T, n space) {
	for _, path := range []string{
		n.path("configmaps", "absent"),
		"/apis/kubetest.invalid/v1/things",
		"/apis/apps/v1/namespaces/" + n.name + "/kubetests/a",
	} {
		if _, err := s.api.Get(t.Context(), path); !cluster.NotFound(err) || cluster.Away(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	o := object("/apis/kubetest.invalid/v1/things/a", map[string]any{"apiVersion": "kubetest.invalid/v1", "kind": "Thing", "metadata": map[string]any{"name": "a"}})
	if err := s.api.Apply(t.Context(), o); !cluster.NotFound(err) {
		t.Errorf("apply of a kind that is not there: %v", err)
	}
}

func (s suite) noNamespace(t *testing.T, n space) {
	absent := space{n.name + "-absent"}
	for name, do := range map[string]func(cluster.Object) error{
		"apply":   func(o cluster.Object) error { return s.api.Apply(t.Context(), o) },
		"preview": func(o cluster.Object) error { _, err := s.api.Preview(t.Context(), o); return err },
	} {
		if err := do(absent.configMap("a", nil)); !cluster.NotFound(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (s suite) refusals(t *testing.T, n space) {
	s.mustApply(t, n.slice("a", "IPv4", "192.0.2.1"))
	elsewhere := n.configMap("a", nil)
	elsewhere.Path = n.path("configmaps", "b")
	otherSpace := space{n.name + "-x"}.configMap("a", nil)
	otherSpace.Path = n.path("configmaps", "a")
	for name, tc := range map[string]struct {
		object cluster.Object
		codes  []int
	}{
		"another name in the path":      {elsewhere, []int{400}},
		"another namespace in the path": {otherSpace, []int{400}},
		"no JSON":                       {cluster.Object{Path: n.path("configmaps", "a"), JSON: []byte("{")}, []int{400}},
		"a name with capitals":          {n.configMap("A", nil), []int{422}},
		"a wrong label": {object(n.path("configmaps", "l"), map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": "l", "namespace": n.name, "labels": map[string]any{"l": "no spaces"}}}), []int{422}},
		"a type that must not change": {n.slice("a", "IPv6", "2001:db8::1"), []int{422}},
		"an Ingress without rules": {object("/apis/networking.k8s.io/v1/namespaces/"+n.name+"/ingresses/i", map[string]any{"apiVersion": "networking.k8s.io/v1",
			"kind": "Ingress", "metadata": map[string]any{"name": "i", "namespace": n.name}, "spec": map[string]any{"ingressClassName": "kubetest"}}), []int{422}},
	} {
		t.Run(name, func(t *testing.T) { wantRefusal(t, s.api.Apply(t.Context(), tc.object), tc.codes...) })
	}
}

// list is one page.
type list struct {
	Kind     string
	Metadata struct{ Continue string }
	Items    []seen
}

func (s suite) list(t *testing.T, path string) list {
	t.Helper()
	data, err := s.api.Get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var out list
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s suite) labels(t *testing.T, n space) {
	s.mustApply(t, n.configMap("a", nil))
	s.mustApply(t, n.configMap("b", nil))
	s.mustApply(t, n.service("c", 80))
	all := "/api/v1/namespaces/" + n.name + "/configmaps?labelSelector="
	for selector, want := range map[string][]string{"kubetest=yes": {"a", "b"}, "kubetest": {"a", "b"}, "kubetest=yes,kubetest!=yes": nil, "kubetest=no": nil} {
		got := s.list(t, all+url.QueryEscape(selector))
		if got.Kind != "ConfigMapList" || !slices.Equal(names(got.Items), want) {
			t.Errorf("%s: %s %v, want %v", selector, got.Kind, names(got.Items), want)
		}
	}
	inAll := s.list(t, "/api/v1/configmaps?labelSelector=kubetest%3Dyes&fieldSelector=metadata.namespace%3D"+n.name)
	if got := names(inAll.Items); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("in all namespaces: %v", got)
	}
}

func (s suite) pages(t *testing.T, n space) {
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("c%d", i))
		s.mustApply(t, n.configMap(want[i], nil))
	}
	var got []seen
	more, pages := "", 0
	for ; pages == 0 || more != ""; pages++ {
		page := s.list(t, "/api/v1/namespaces/"+n.name+"/configmaps?limit=2&labelSelector=kubetest%3Dyes&continue="+url.QueryEscape(more))
		got, more = append(got, page.Items...), page.Metadata.Continue
	}
	if !slices.Equal(names(got), want) || pages != 3 {
		t.Errorf("%d pages with %v, want 3 with %v", pages, names(got), want)
	}
}

func (s suite) parallel(t *testing.T, n space) {
	const many = 200
	errs := make([]error, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			errs[i] = s.api.Apply(t.Context(), n.configMap(fmt.Sprintf("c%d", i), map[string]any{"k": "v"}))
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := s.list(t, "/api/v1/namespaces/"+n.name+"/configmaps?labelSelector=kubetest"); len(got.Items) != many {
		t.Errorf("%d of %d are there", len(got.Items), many)
	}
}

func (s suite) cancel(t *testing.T, n space) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user pressed Ctrl-C")
	cancel(why)
	for name, err := range map[string]error{
		"apply":  s.api.Apply(ctx, n.configMap("a", nil)),
		"delete": s.api.Delete(ctx, n.path("configmaps", "a")),
	} {
		if !errors.Is(err, why) || !cluster.Away(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// asOthers is an API that can also preview in the name of somebody else.
type asOthers interface {
	PreviewAs(ctx context.Context, who cluster.Identity, o cluster.Object) ([]byte, error)
}

func (s suite) previewAs(t *testing.T, n space) {
	api, ok := s.api.(asOthers)
	if !ok {
		t.Skip("this API speaks for itself alone")
	}
	nobody := cluster.Identity{User: n.name, Groups: []string{"system:authenticated"}}
	_, err := api.PreviewAs(t.Context(), nobody, n.configMap("a", nil))
	wantRefusal(t, err, http.StatusForbidden)
	if _, err := api.PreviewAs(t.Context(), cluster.Identity{}, n.configMap("a", nil)); err != nil {
		t.Errorf("in the client's own name: %v", err)
	}
	node := cluster.Identity{User: "system:node:" + n.name, Groups: []string{"system:nodes", "system:authenticated"}}
	for label, allowed := range map[string]bool{"kubetest": true, "node-restriction.kubernetes.io/kubetest": false} {
		o := object("/api/v1/nodes/"+n.name, map[string]any{"apiVersion": "v1", "kind": "Node",
			"metadata": map[string]any{"name": n.name, "labels": map[string]any{label: "yes"}}})
		switch _, err := api.PreviewAs(t.Context(), node, o); {
		case allowed && err != nil:
			t.Errorf("a node with the label %s: %v", label, err)
		case !allowed:
			wantRefusal(t, err, http.StatusForbidden)
		}
	}
	if _, err := s.api.Get(t.Context(), "/api/v1/nodes/"+n.name); !cluster.NotFound(err) {
		t.Errorf("after previews: %v", err)
	}
}

func (s suite) byType(t *testing.T, n space) {
	secret := func(name, kind string) cluster.Object {
		return object(n.path("secrets", name), map[string]any{"apiVersion": "v1", "kind": "Secret", "type": kind,
			"metadata": map[string]any{"name": name, "namespace": n.name}})
	}
	s.mustApply(t, secret("a", "Opaque"))
	s.mustApply(t, secret("b", "kubetest.invalid/b"))
	got := s.list(t, "/api/v1/namespaces/"+n.name+"/secrets?fieldSelector=type%3Dkubetest.invalid%2Fb")
	if !slices.Equal(names(got.Items), []string{"b"}) {
		t.Errorf("got %v", names(got.Items))
	}
}
