package deploy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fakeCluster writes down what it is told.
type fakeCluster struct {
	calls  []string
	refuse string // name of an object
}

func (m *fakeCluster) apply(_ context.Context, o *unstructured.Unstructured) error {
	if o.GetName() == m.refuse {
		return errors.New("refused")
	}
	m.calls = append(m.calls, "apply "+o.GetName())
	return nil
}

func (m *fakeCluster) remove(_ context.Context, o *unstructured.Unstructured) error {
	m.calls = append(m.calls, "delete "+o.GetName())
	return nil
}

func named(names ...string) string {
	var out strings.Builder
	for _, name := range names {
		out.WriteString("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n")
	}
	return out.String()
}

func TestPasses(t *testing.T) {
	t.Parallel()
	dir, cluster := t.TempDir(), &fakeCluster{}
	d := &deployer{dir: dir, cluster: cluster, done: map[string]applied{}, failed: map[string]string{}}
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(why string, want ...string) {
		t.Helper()
		cluster.calls = nil
		d.pass(t.Context())
		if !reflect.DeepEqual(cluster.calls, want) {
			t.Errorf("%s: did %q, want %q", why, cluster.calls, want)
		}
	}
	put("b.yaml", named("b"))
	put("a.json", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`)
	put("notes.txt", named("never"))
	put("c.yaml", named("never"))
	put("c.yaml.skip", "")
	expect("first", "apply a", "apply b")
	expect("unchanged")
	put("b.yaml", named("b", "d"))
	expect("one more", "apply b", "apply d")
	put("b.yaml", named("d"))
	expect("one less", "apply d", "delete b")
	put("b.yaml", "kind: [")
	put("e.yaml", named("e"))
	expect("one broken file", "apply e")
	cluster.refuse = "b"
	put("b.yaml", named("b"))
	expect("refused")
	cluster.refuse = ""
	expect("tried again", "apply b", "delete d")
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	expect("a removed file leaves its objects")
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := parse([]byte("---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: x}}\n---\n# nothing\n"))
	if err != nil || len(got) != 1 || got[0].GetKind() != "Secret" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parse([]byte("metadata: {name: x}")); err == nil {
		t.Error("a document of no kind")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(named("a", "b")))
	f.Add([]byte(`{"kind":"List","apiVersion":"v1","items":[1]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		objects, err := parse(content)
		for _, o := range objects {
			if err == nil && o == nil {
				t.Error("no object and no error")
			}
		}
	})
}
