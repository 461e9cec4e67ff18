package fakekube_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

const (
	middleware     = "/apis/traefik.io/v1alpha1/namespaces/default/middlewares/m"
	middlewareJSON = `{"apiVersion":"traefik.io/v1alpha1","kind":"Middleware","metadata":{"name":"m","namespace":"default"},"spec":{"compress":{}}}`
)

func object(path, json string) cluster.Object { return cluster.Object{Path: path, JSON: []byte(json)} }

func TestKindsThatAreNotRegistered(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if err := k.API().Apply(t.Context(), object(middleware, middlewareJSON)); !cluster.NotFound(err) {
		t.Errorf("without the kind: %v", err)
	}
	k.Register(fakekube.Traefik()...)
	if err := k.API().Apply(t.Context(), object(middleware, middlewareJSON)); err != nil {
		t.Errorf("with the kind: %v", err)
	}
	if k.Object("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/middlewares.traefik.io") == nil {
		t.Error("the kind has no definition")
	}
	if err := k.API().Apply(t.Context(), object(middleware, strings.Replace(middlewareJSON, "compress", "compres", 1))); err != nil {
		t.Errorf("a field that no schema forbids: %v", err)
	}
}

// values marshals to the given object.
type values map[string]any

func TestOthersFieldsStayTheirs(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	meta := values{"name": "c", "namespace": "default", "labels": values{"theirs": "1"}}
	if err := k.Put("helm", values{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": values{"a": "helm", "b": "helm"}}); err != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/namespaces/default/configmaps/c"
	for i, data := range []string{`{"a":"ours","c":"ours"}`, `{}`} {
		o := object(path, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":`+data+`}`)
		if err := k.API().Apply(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		want := []string{"map[a:ours b:helm c:ours]", "map[b:helm]"}[i]
		if got := fmt.Sprint(k.Object(path)["data"]); got != want {
			t.Errorf("after %s: %s, want %s", data, got, want)
		}
	}
	labels := k.Object(path)["metadata"].(map[string]any)["labels"]
	if fmt.Sprint(labels) != "map[theirs:1]" {
		t.Errorf("labels %v", labels)
	}
}

func TestApplyWithoutForceConflicts(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if err := k.Put("helm", values{"apiVersion": "v1", "kind": "ConfigMap", "metadata": values{"name": "c", "namespace": "default"}, "data": values{"a": "helm"}}); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]int{"ours": http.StatusConflict, "helm": http.StatusOK} {
		body := strings.NewReader(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"` + value + `"}}`)
		r, err := http.NewRequest(http.MethodPatch, "https://kube/api/v1/namespaces/default/configmaps/c?fieldManager=other", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/apply-patch+yaml")
		resp, err := k.RoundTrip(r)
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %v, %v, want %d", value, resp, err, want)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	for name, o := range map[string]any{
		"an unknown kind": values{"apiVersion": "v1", "kind": "Thing", "metadata": values{"name": "a"}},
		"a wrong name":    values{"apiVersion": "v1", "kind": "Node", "metadata": values{"name": "A_B"}},
		"no JSON":         "{",
	} {
		if err := k.Put("test", o); err == nil {
			t.Errorf("%s was put", name)
		}
	}
	if err := k.Put("test", values{"apiVersion": "v1", "kind": "Pod", "metadata": values{"name": "p", "namespace": "new"}, "status": values{"phase": "Running"}}); err != nil {
		t.Fatal(err)
	}
	if k.Object("/api/v1/namespaces/new") == nil || !slices.Contains(k.Paths(), "/api/v1/namespaces/new/pods/p") {
		t.Errorf("there are %v", k.Paths())
	}
	k.Remove("/api/v1/namespaces/new/pods/p")
	if k.Object("/api/v1/namespaces/new/pods/p") != nil {
		t.Error("the pod was not removed")
	}
}

func TestATestCanBeTheController(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	const path = "/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts/traefik"
	k.React(func(at string, object map[string]any) {
		if at != path {
			return
		}
		object["status"] = values{"jobName": "helm-install-traefik"}
		if err := k.Put("helm-controller", object); err != nil {
			t.Error(err)
		}
	})
	o := object(path, `{"apiVersion":"helm.cattle.io/v1","kind":"HelmChart","metadata":{"name":"traefik"},"spec":{"chart":"x"}}`)
	for range 2 {
		if err := k.API().Apply(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if got := k.Object(path)["status"]; fmt.Sprint(got) != "map[jobName:helm-install-traefik]" {
		t.Errorf("status %v: it has to stay when only the rest is applied", got)
	}
	if got := k.Requests(); len(got) != 2 || !got[0].Changed || got[1].Changed {
		t.Errorf("requests %+v", got)
	}
}

func TestNamespacesLinger(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	k.Linger(true)
	if err := k.Put("test", values{"apiVersion": "v1", "kind": "ConfigMap", "metadata": values{"name": "c", "namespace": "edge-a"}}); err != nil {
		t.Fatal(err)
	}
	if err := k.API().Delete(t.Context(), "/api/v1/namespaces/edge-a"); err != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/namespaces/edge-a/configmaps/c"
	o := object(path, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}`)
	var status *cluster.StatusError
	if err := k.API().Apply(t.Context(), o); !errors.As(err, &status) || status.Code != http.StatusForbidden || k.Object(path) != nil {
		t.Errorf("into a namespace that goes: %v", err)
	}
	k.Linger(false)
	if err := k.API().Apply(t.Context(), o); !cluster.NotFound(err) {
		t.Errorf("into one that is gone: %v", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if err := k.Fault(fakekube.Fault{Trouble: "rain"}); err == nil {
		t.Error("an unknown trouble was taken")
	}
	if err := k.Fault(fakekube.Fault{Trouble: fakekube.Away, Path: "("}); err == nil {
		t.Error("a broken pattern was taken")
	}
	fault := fakekube.Fault{Trouble: fakekube.Half, Method: http.MethodPatch, Path: "configmaps", After: 1, Count: 1, Delay: time.Nanosecond}
	if err := k.Fault(fault); err != nil {
		t.Fatal(err)
	}
	var away []bool
	for i := range 3 {
		o := object(fmt.Sprintf("/api/v1/namespaces/default/configmaps/c%d", i), fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c%d"}}`, i))
		away = append(away, cluster.Away(k.API().Apply(t.Context(), o)))
	}
	if !slices.Equal(away, []bool{false, true, false}) || k.Object("/api/v1/namespaces/default/configmaps/c1") == nil {
		t.Errorf("answers broke %v; what was asked for happens all the same", away)
	}
	if got := k.Writes(); len(got) != 3 || got[1].Code != http.StatusCreated {
		t.Errorf("writes %+v", got)
	}
	k.ClearFaults()
}

func TestWhatItWasNotTaught(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	for _, path := range []string{"/api/v1/namespaces/default/pods/p/log", "/api/v1/pods?watch=true", "/api/v1/pods?labelSelector=a%20in%20(b)"} {
		var status *cluster.StatusError
		if _, err := k.API().Get(t.Context(), path); !errors.As(err, &status) || status.Code != http.StatusNotImplemented {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string]string{"/readyz": "ok", "/version": "v1.35", "/apis/helm.cattle.io/v1": "helmcharts", "/api/v1": "namespaces"} {
		if data, err := k.API().Get(t.Context(), path); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s: %.80s, %v", path, data, err)
		}
	}
}

func TestOwnersAreWrittenDown(t *testing.T) {
	t.Parallel()
	k := fakekube.New(slices.Concat(fakekube.Traefik(), fakekube.CertManager(), fakekube.Gateway())...)
	if err := k.API().Apply(t.Context(), object(middleware, middlewareJSON)); err != nil {
		t.Fatal(err)
	}
	books := k.Object(middleware)["metadata"].(map[string]any)["managedFields"].([]any)
	entry := books[0].(map[string]any)
	if len(books) != 1 || entry["manager"] != cluster.FieldManager || entry["operation"] != "Apply" {
		t.Errorf("books %v", books)
	}
	if got := slices.Collect(maps.Keys(entry["fieldsV1"].(map[string]any))); !slices.Equal(got, []string{"f:spec"}) {
		t.Errorf("fields %v", got)
	}
}
