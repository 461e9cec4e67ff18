package object

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// Difference says where what is there is not as sent would make it, or "". It
// names fields, never their values. Fields that others have set are theirs.
func Difference(sent cluster.Object, sum string, live []byte) (string, error) {
	var wanted map[string]any
	if err := Decode(sent.JSON, &wanted); err != nil {
		return "", fmt.Errorf("read %s back: %w", sent.Path, err)
	}
	// The kind is in the path, and lists leave it out.
	delete(wanted, "kind")
	delete(wanted, "apiVersion")
	if m, ok := wanted["metadata"].(map[string]any); ok {
		if a, ok := m["annotations"].(map[string]any); ok {
			delete(a, Applied) // the fields themselves tell more
		}
	}
	have, applied, err := fields(live)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", sent.Path, err)
	}
	if field := missing(wanted, have, ""); field != "" {
		return field, nil
	}
	if applied != sum {
		return "fields that are no longer wanted", nil
	}
	return "", nil
}

// fields is an object without the books that the API server keeps on it,
// which are larger than itself, and the checksum of what we have applied.
func fields(live []byte) (map[string]any, string, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(live, &parts); err != nil {
		return nil, "", err
	}
	var m Meta
	if err := json.Unmarshal(parts["metadata"], &m); err != nil {
		return nil, "", err
	}
	out := map[string]any{"metadata": map[string]any{
		"name": m.Name, "namespace": m.Namespace, "labels": generic(m.Labels), "annotations": generic(m.Annotations),
	}}
	for key, raw := range parts {
		if key == "metadata" || key == "status" {
			continue
		}
		var value any
		if err := Decode(raw, &value); err != nil {
			return nil, "", err
		}
		out[key] = value
	}
	return out, m.Annotations[Applied], nil
}

func generic(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

// Decode keeps numbers as they are written.
func Decode(data []byte, into any) error {
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
