package fakekube

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// owner is a manager of fields and how it set them: Apply or Update.
type owner struct{ manager, operation string }

// fields are the leaves of an object: paths of keys, joined by a character
// that no key has. A list is one leaf.
type fields map[string]bool

const joint = "\x00"

// leaves lists the fields of an object that somebody can own.
func leaves(object map[string]any) fields {
	out := fields{}
	collect(object, "", out)
	for path := range out {
		if served(path) {
			delete(out, path)
		}
	}
	return out
}

func collect(m map[string]any, prefix string, out fields) {
	for key, value := range m {
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			collect(inner, prefix+key+joint, out)
			continue
		}
		out[prefix+key] = true
	}
}

// served reports whether the path names the object, or what only the server sets.
func served(path string) bool {
	keys := strings.Split(path, joint)
	if len(keys) == 1 {
		return path == "apiVersion" || path == "kind"
	}
	return keys[0] == "metadata" && slices.Contains([]string{"name", "namespace", "uid", "resourceVersion", "generation",
		"creationTimestamp", "deletionTimestamp", "managedFields"}, keys[1])
}

func lookup(m map[string]any, keys ...string) (any, bool) {
	var value any = m
	for _, key := range keys {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = inner[key]; !ok {
			return nil, false
		}
	}
	return value, true
}

func text(m map[string]any, keys ...string) string {
	value, _ := lookup(m, keys...)
	s, _ := value.(string)
	return s
}

func number(m map[string]any, keys ...string) string {
	value, _ := lookup(m, keys...)
	n, _ := value.(json.Number)
	return n.String()
}

// set makes the value stand at the keys; what is in the way gives way.
func set(m map[string]any, value any, keys ...string) {
	for _, key := range keys[:len(keys)-1] {
		inner, ok := m[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[key] = inner
		}
		m = inner
	}
	m[keys[len(keys)-1]] = value
}

// unset removes the value at the keys and the maps that are empty then.
func unset(m map[string]any, keys ...string) {
	if inner, ok := m[keys[0]].(map[string]any); ok && len(keys) > 1 {
		unset(inner, keys[1:]...)
		if len(inner) > 0 {
			return
		}
	}
	delete(m, keys[0])
}

func same(a, b map[string]any, path string) bool {
	x, inA := lookup(a, strings.Split(path, joint)...)
	y, inB := lookup(b, strings.Split(path, joint)...)
	return inA == inB && reflect.DeepEqual(x, y)
}

// sameIntent compares what is not metadata or status.
func sameIntent(a, b map[string]any) bool {
	a, b = maps.Clone(a), maps.Clone(b)
	for _, key := range []string{"metadata", "status"} {
		delete(a, key)
		delete(b, key)
	}
	return reflect.DeepEqual(a, b)
}

// take makes who the only owner of the field.
func (it *item) take(path string, who owner) {
	for o, set := range it.owners {
		if o != who {
			delete(set, path)
		}
	}
	it.owners[who][path] = true
}

// othersOwn names the owners of the field other than who, in order.
func (it *item) othersOwn(path string, who owner) []string {
	var out []string
	for o, set := range it.owners {
		if o != who && set[path] {
			out = append(out, o.manager)
		}
	}
	slices.Sort(out)
	return out
}

func (it *item) equal(other *item) bool {
	return reflect.DeepEqual(it.object, other.object) && reflect.DeepEqual(it.books(), other.books())
}

// whole is the object with the server's books of who set what.
func (it *item) whole() map[string]any {
	out := clone(it.object)
	if books := it.books(); len(books) > 0 {
		set(out, books, "metadata", "managedFields")
	}
	return out
}

func (it *item) books() []any {
	var out []any
	for o, set := range it.owners {
		if len(set) == 0 {
			continue
		}
		out = append(out, map[string]any{"manager": o.manager, "operation": o.operation, "apiVersion": it.kind.APIVersion(),
			"fieldsType": "FieldsV1", "fieldsV1": set.tree()})
	}
	slices.SortFunc(out, func(a, b any) int {
		x, y := a.(map[string]any), b.(map[string]any)
		return strings.Compare(text(x, "manager")+text(x, "operation"), text(y, "manager")+text(y, "operation"))
	})
	return out
}

// tree is the set in the form of FieldsV1.
func (f fields) tree() map[string]any {
	out := map[string]any{}
	for path := range f {
		keys := strings.Split(path, joint)
		for i := range keys {
			keys[i] = "f:" + keys[i]
		}
		set(out, map[string]any{}, keys...)
	}
	return out
}

func clone(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = cloneValue(value)
	}
	return out
}

func cloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return clone(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = cloneValue(v[i])
		}
		return list
	}
	return value
}

// generic is anything as the maps and lists of its JSON, without nulls.
func generic(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if raw, ok := v.(string); ok {
		data, err = []byte(raw), nil
	}
	if err != nil {
		return nil, err
	}
	return decode(data)
}

func decode(data []byte) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	dropNulls(out)
	return out, nil
}

func dropNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, inner any) bool { return inner == nil })
		for _, inner := range v {
			dropNulls(inner)
		}
	case []any:
		for _, inner := range v {
			dropNulls(inner)
		}
	}
}
