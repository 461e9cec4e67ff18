package kubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// patience bounds what a real server does in the background.
const patience = 2 * time.Minute

// suite is one API under test.
type suite struct{ api cluster.API }

// Run runs the rules against the API. It may be called for a cluster in use.
func Run(t *testing.T, api cluster.API) {
	s := suite{api}
	for name, test := range map[string]func(*testing.T, space){
		"an applied object is there":              s.apply,
		"the same again changes nothing":          s.again,
		"a field that we stop sending goes":       s.fieldGoes,
		"a field of others stays":                 s.othersStay,
		"a preview changes nothing":               s.preview,
		"a preview is what comes of it":           s.previewHolds,
		"a preview in another's name":             s.previewAs,
		"a list of Secrets by type":               s.byType,
		"a deleted object is gone":                s.remove,
		"what is not there is not found":          s.notFound,
		"a namespace that is missing":             s.noNamespace,
		"what a server refuses":                   s.refusals,
		"a refused Secret is not quoted":          s.secret,
		"a list by label":                         s.labels,
		"a list in pages":                         s.pages,
		"many at once":                            s.parallel,
		"a cancelled request ends":                s.cancel,
		"the generation counts what is wanted":    s.generation,
		"with its namespace everything goes away": s.namespaceGoes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s.space(t))
		})
	}
}

// space is a namespace of one test.
type space struct{ name string }

func (s suite) space(t *testing.T) space {
	t.Helper()
	n := space{fmt.Sprintf("kubetest-%08x", rand.Uint32())}
	s.mustApply(t, n.namespace())
	t.Cleanup(func() {
		if err := s.api.Delete(context.Background(), n.namespace().Path); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return n
}

func (n space) namespace() cluster.Object {
	return object("/api/v1/namespaces/"+n.name, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": n.name}})
}

// configMap has one label and the data.
func (n space) configMap(name string, data map[string]any) cluster.Object {
	return object(n.path("configmaps", name), map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": data,
		"metadata": map[string]any{"name": name, "namespace": n.name, "labels": map[string]any{"kubetest": "yes"}}})
}

func (n space) path(plural, name string) string {
	return "/api/v1/namespaces/" + n.name + "/" + plural + "/" + name
}

func object(path string, content map[string]any) cluster.Object {
	data, err := json.Marshal(content)
	if err != nil {
		return cluster.Object{} // every test notices an object without content
	}
	return cluster.Object{Path: path, JSON: data}
}

func (s suite) mustApply(t *testing.T, o cluster.Object) {
	t.Helper()
	if err := s.api.Apply(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// seen is what the tests look at in an object.
type seen struct {
	Kind     string
	Metadata struct {
		Name, Namespace, UID, ResourceVersion string
		Generation                            int
		Labels                                map[string]string
	}
	Data map[string]string
	Spec map[string]any
}

func (s suite) get(t *testing.T, path string) seen {
	t.Helper()
	data, err := s.api.Get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, data)
}

func read(t *testing.T, data []byte) seen {
	t.Helper()
	var out seen
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("%v in %.200s", err, data)
	}
	return out
}

// wantRefusal is an error that the server answered with one of the codes.
func wantRefusal(t *testing.T, err error, codes ...int) {
	t.Helper()
	var status *cluster.StatusError
	if !errors.As(err, &status) {
		t.Errorf("got %v, want a refusal with %v", err, codes)
		return
	}
	for _, code := range codes {
		if status.Code == code {
			return
		}
	}
	t.Errorf("refused with %v, want one of %v", status, codes)
}

// gone waits until nothing is at path.
func (s suite) gone(t *testing.T, path string) {
	t.Helper()
	err := converge.Wait{What: path + " to go", Every: 50 * time.Millisecond, Limit: patience}.Until(t.Context(), func(ctx context.Context) (bool, string, error) {
		_, err := s.api.Get(ctx, path)
		if cluster.NotFound(err) {
			return true, "", nil
		}
		return false, "still there", err
	})
	if err != nil {
		t.Error(err)
	}
}
