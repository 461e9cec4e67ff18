package certmanager

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// TestExported is all that a run applies, and nothing else.
func TestExported(t *testing.T) {
	t.Parallel()
	k, c := newKube(t), configOf(t, own)
	mustRun(t, c, k)
	install, issuers, err := Exported(t.Context(), c)
	if err != nil || len(install) != 4 || len(issuers) != 4 {
		t.Fatalf("%d and %d objects, %v", len(install), len(issuers), err)
	}
	exported := slices.Concat(install, issuers)
	for _, o := range exported {
		if k.Object(object.Path(o)) == nil {
			t.Errorf("%s is not applied", object.Path(o))
		}
	}
	with, err := object.YAML(exported...)
	if err != nil {
		t.Fatal(err)
	}
	// Without secrets the documents are the same, and say what fills them.
	c.Secrets = nil
	install, issuers, err = Exported(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	without, err := object.YAML(slices.Concat(install, issuers)...)
	if err != nil || string(with) != string(without) || strings.Contains(string(without), canary) {
		t.Errorf("%v", err)
	}
	if from := issuers[0].(object.Secret).From[tokenKey]; !strings.HasPrefix(from, "env:") {
		t.Errorf("the token comes from %q", from)
	}
	if install, issuers, err := Exported(t.Context(), Config{Cluster: inventory.Cluster{}}); install != nil || issuers != nil || err != nil {
		t.Errorf("nothing is asked for: %v, %v, %v", install, issuers, err)
	}
}
