package addons

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/k3sedge/k3sedge/addons/object"
)

// difference says where what is there is not as it is to be, or "". It names
// fields, never their values. Fields that others have set are theirs.
func (w want) difference(live item) (string, error) {
	var wanted map[string]any
	if err := decode(w.send.JSON, &wanted); err != nil {
		return "", fmt.Errorf("read %s back: %w", w.send.Path, err)
	}
	// The kind is in the path, and lists leave it out.
	delete(wanted, "kind")
	delete(wanted, "apiVersion")
	if m, ok := wanted["metadata"].(map[string]any); ok {
		if a, ok := m["annotations"].(map[string]any); ok {
			delete(a, object.Applied) // the fields themselves tell more
		}
	}
	have, err := live.fields()
	if err != nil {
		return "", err
	}
	if field := missing(wanted, have, ""); field != "" {
		return field, nil
	}
	if live.meta.Annotations[object.Applied] != w.sum {
		return "fields that are no longer wanted", nil
	}
	return "", nil
}

// fields is the object without the books that the API server keeps on it,
// which are larger than itself.
func (i item) fields() (map[string]any, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(i.raw, &parts); err != nil {
		return nil, fmt.Errorf("read %s: %w", i.path(), err)
	}
	out := map[string]any{"metadata": map[string]any{
		"name": i.meta.Name, "namespace": i.meta.Namespace, "labels": generic(i.meta.Labels), "annotations": generic(i.meta.Annotations),
	}}
	for key, raw := range parts {
		if key == "metadata" || key == "status" {
			continue
		}
		var value any
		if err := decode(raw, &value); err != nil {
			return nil, fmt.Errorf("read %s: %w", i.path(), err)
		}
		out[key] = value
	}
	return out, nil
}

func generic(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

// decode keeps numbers as they are written.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

// missing finds the first field of want that have lacks or has otherwise.
func missing(want, have any, path string) string {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return path
		}
		for _, key := range slices.Sorted(maps.Keys(w)) {
			if field := missing(w[key], h[key], join(path, key)); field != "" {
				return field
			}
		}
		return ""
	case []any:
		h, ok := have.([]any)
		if !ok || len(h) != len(w) {
			return path
		}
		for i := range w {
			if field := missing(w[i], h[i], fmt.Sprintf("%s[%d]", path, i)); field != "" {
				return field
			}
		}
		return ""
	}
	if want != have {
		return path
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fixed reports whether the API server would refuse to change the object into
// what it is to be, so that it has to be made anew.
func (w want) fixed(live item) bool {
	var wanted, have struct {
		AddressType string `json:"addressType"`
		Type        string `json:"type"`
		Spec        struct {
			ClusterIP string `json:"clusterIP"`
		} `json:"spec"`
	}
	if json.Unmarshal(w.send.JSON, &wanted) != nil || json.Unmarshal(live.raw, &have) != nil {
		return false // the comparison has read both, and would have said so
	}
	return wanted != have
}
