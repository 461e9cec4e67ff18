package apply

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func objects(secret string) []object.Object {
	in := func(name string) object.Meta { return object.Meta{Name: name, Namespace: "ours"} }
	return []object.Object{
		object.Namespace{Meta: object.Meta{Name: "ours"}},
		object.ServiceAccount{Meta: in("a")},
		object.ConfigMap{Meta: in("c"), Data: map[string]string{"x": "1"}},
		object.Secret{Meta: in("s"), Type: "Opaque", Hidden: map[string]inventory.Secret{"token": inventory.NewSecret(secret)}},
	}
}

func told(changes []converge.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, c.ID+" "+c.Have)
	}
	return strings.Join(out, ", ")
}

func TestApplied(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	for i, step := range []struct{ secret, want string }{
		{"one", "Namespace/ours absent, ServiceAccount/a absent, ConfigMap/c absent, Secret/s absent"}, {"one", ""}, {"two", "Secret/s differs in data.token"}, {"two", ""},
	} {
		changes, err := Changes(t.Context(), k.API(), objects(step.secret))
		if err != nil || told(changes) != step.want {
			t.Errorf("step %d: %s, %v", i, told(changes), err)
		}
		before := len(k.Writes())
		if err := All(t.Context(), k.API(), objects(step.secret)); err != nil || len(k.Writes())-before != len(changes) {
			t.Errorf("step %d: %v, wrote %v", i, err, k.Writes()[before:])
		}
	}
}

func TestRemoved(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if err := All(t.Context(), k.API(), objects("x")); err != nil {
		t.Fatal(err)
	}
	if err := k.Put("kubectl", map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "theirs", "namespace": "ours"}}); err != nil {
		t.Fatal(err)
	}
	paths := []string{"/api/v1/namespaces/ours/configmaps/c", "/api/v1/namespaces/ours/configmaps/theirs", "/api/v1/namespaces/ours/configmaps/none"}
	changes, err := Leftovers(t.Context(), k.API(), paths)
	if err != nil || told(changes) != "configmaps/c applied" {
		t.Errorf("%s, %v", told(changes), err)
	}
	if err := Remove(t.Context(), k.API(), paths); err != nil || k.Object(paths[0]) != nil || k.Object(paths[1]) == nil {
		t.Errorf("%v, left %v", err, k.Paths())
	}
}

func TestANamespaceOfOthersIsNotTaken(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if err := k.Put("kubectl", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "ours"}}); err != nil {
		t.Fatal(err)
	}
	var hint interface{ Hint() string }
	if err := Vacant(t.Context(), k.API(), "ours"); !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "kubectl label namespace ours") {
		t.Errorf("%v", err)
	}
	if err := Vacant(t.Context(), k.API(), "none"); err != nil {
		t.Error(err)
	}
	if len(k.Writes()) > 0 {
		t.Errorf("wrote %v", k.Writes())
	}
}

func TestWhatCannotBeSeenIsNotAbsent(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if err := k.Fault(fakekube.Fault{Trouble: fakekube.Away}); err != nil {
		t.Fatal(err)
	}
	_, err := Changes(t.Context(), k.API(), objects("x"))
	_, err2 := Leftovers(t.Context(), k.API(), []string{"/api/v1/namespaces/ours"})
	for _, err := range []error{err, err2, All(t.Context(), k.API(), objects("x")), Vacant(t.Context(), k.API(), "ours"), Remove(t.Context(), k.API(), []string{"/api/v1/namespaces/ours"})} {
		if err == nil {
			t.Error("no error")
		}
	}
}

func TestAwaitGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := fakekube.New()
		if err := All(t.Context(), k.API(), objects("x")); err != nil {
			t.Fatal(err)
		}
		k.Linger(true)
		if err := k.API().Delete(t.Context(), "/api/v1/namespaces/ours"); err != nil {
			t.Fatal(err)
		}
		var late *converge.LateError
		if err := AwaitGone(t.Context(), k.API(), "ours"); !errors.As(err, &late) {
			t.Errorf("%v", err)
		}
		k.Linger(false)
		if err := AwaitGone(t.Context(), k.API(), "ours"); err != nil {
			t.Error(err)
		}
	})
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":  "",
		"x": "",
		`{"status":{"conditions":[{"type":"A","status":"False","message":"fine"},{"type":"B","status":"True","message":"Some resources are remaining: pods."},{"type":"C","status":"True","message":"x"}]}}`: "Some resources are remaining: pods.; x",
	} {
		if got := remaining([]byte(text)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
