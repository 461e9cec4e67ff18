package fakekube

import (
	"testing"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// TestStatusHasItsOwnDoor: what is applied there leaves the rest, and a status
// that is applied with the object is passed over.
func TestStatusHasItsOwnDoor(t *testing.T) {
	t.Parallel()
	k := New(CertManager()...)
	path := k.mustKind("ClusterIssuer").Path("", "x")
	apply := func(at, fields string) error {
		return k.API().Apply(t.Context(), cluster.Object{Path: at, JSON: []byte(`{"apiVersion":"cert-manager.io/v1","kind":"ClusterIssuer","metadata":{"name":"x"},` + fields + `}`)})
	}
	if err := apply(path+"/status", `"status":{"a":1}`); !cluster.NotFound(err) {
		t.Errorf("the status of nothing: %v", err)
	}
	if err := apply(path, `"spec":{"b":2},"status":{"a":2}`); err != nil {
		t.Fatal(err)
	}
	if err := apply(path+"/status", `"status":{"a":1},"spec":{"b":3}`); err != nil {
		t.Fatal(err)
	}
	o := k.Object(path)
	if number(o, "spec", "b") != "2" || number(o, "status", "a") != "1" {
		t.Errorf("%v", o)
	}
}
