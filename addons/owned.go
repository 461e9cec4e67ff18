package addons

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// masked stands for a secret in a diff, another for one that is to change.
const (
	masked  = "***"
	another = "*** (another)"
)

// own is the part of an object that is ours: what we have applied before,
// by the books of the API server, and what wanted names, whoever has set it.
// Secrets are masked.
func (i item) own(wanted map[string]any) (map[string]any, error) {
	var whole map[string]any
	if err := object.Decode(i.raw, &whole); err != nil {
		return nil, fmt.Errorf("read %s: %w", i.path(), err)
	}
	var books struct {
		Metadata struct {
			ManagedFields []struct {
				Manager, Operation string
				FieldsV1           map[string]any
			}
		}
	}
	if err := json.Unmarshal(i.raw, &books); err != nil {
		return nil, fmt.Errorf("read the books of %s: %w", i.path(), err)
	}
	named := map[string]any{"apiVersion": "", "kind": "", "metadata": map[string]any{"name": "", "namespace": ""}}
	maps.Copy(named, wanted)
	book := map[string]any{}
	for _, b := range books.Metadata.ManagedFields {
		if b.Manager == cluster.FieldManager && b.Operation == "Apply" {
			book = b.FieldsV1
		}
	}
	out, _ := project(whole, named, book).(map[string]any)
	out["apiVersion"], out["kind"] = i.kind.APIVersion(), i.kind.Name // lists leave them out
	if i.kind.Name == (object.Secret{}).Kind().Name {
		mask(out)
	}
	return out, nil
}

// project keeps what the book names, as f:NAME, or wanted has. Of a list all
// is kept: its items are not told apart here.
func project(live, wanted any, book map[string]any) any {
	have, ok := live.(map[string]any)
	if !ok {
		return live
	}
	want, _ := wanted.(map[string]any)
	out := map[string]any{}
	for key, child := range have {
		below, owned := book["f:"+key]
		asked, named := want[key]
		if owned || named {
			inner, _ := below.(map[string]any)
			out[key] = project(child, asked, inner)
		}
	}
	return out
}

// mask hides the values of a Secret, but for certificates.
func mask(secret map[string]any) {
	data, _ := secret["data"].(map[string]any)
	for key := range data {
		if key != caKey {
			data[key] = masked
		}
	}
}

// tellApart marks what is masked on both sides and yet not the same.
func (w want) tellApart(shown map[string]any, live item) error {
	s, ok := w.object.(object.Secret)
	if !ok {
		return nil
	}
	var there struct{ Data map[string][]byte }
	if err := json.Unmarshal(live.raw, &there); err != nil {
		return fmt.Errorf("read %s: %w", live.path(), err)
	}
	data, _ := shown["data"].(map[string]any)
	for key, value := range s.Hidden {
		if string(there.Data[key]) != value.Reveal() {
			data[key] = another
		}
	}
	return nil
}
