package fakekube

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// list is GET of a kind, in one namespace or in all.
func (k *Kube) list(c *call, query url.Values) (any, error) {
	match, err := selector(c, query)
	if err != nil {
		return nil, err
	}
	limit, err := strconv.Atoi(orZero(query.Get("limit")))
	if err != nil || limit < 0 {
		return nil, c.refuse(http.StatusBadRequest, "BadRequest", "invalid limit")
	}
	after, err := base64.RawURLEncoding.DecodeString(query.Get("continue"))
	if err != nil {
		return nil, c.refuse(http.StatusBadRequest, "BadRequest", "continue key is not valid: "+err.Error())
	}
	meta := map[string]any{"resourceVersion": strconv.Itoa(k.version)}
	items, last := []any{}, ""
	for _, path := range slices.Sorted(maps.Keys(k.items)) {
		it := k.items[path]
		if path <= string(after) || !c.covers(it) || !match(it.object) {
			continue
		}
		if limit > 0 && len(items) == limit {
			meta["continue"] = base64.RawURLEncoding.EncodeToString([]byte(last))
			break
		}
		items, last = append(items, it.listed()), path
	}
	return map[string]any{"kind": c.kind.Name + "List", "apiVersion": c.kind.APIVersion(), "metadata": meta, "items": items}, nil
}

// covers reports whether the object is of the kind and the namespace of the list.
func (c *call) covers(it *item) bool {
	return it.kind.APIVersion() == c.kind.APIVersion() && it.kind.Name == c.kind.Name &&
		(c.namespace == "" || text(it.object, "metadata", "namespace") == c.namespace)
}

// listed is the object as it stands in a list: those of built-in kinds do not
// say there what they are.
func (it *item) listed() map[string]any {
	out := it.whole()
	if !it.kind.Custom() {
		delete(out, "kind")
		delete(out, "apiVersion")
	}
	return out
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// selector is the selectors of the query as one condition.
func selector(c *call, query url.Values) (func(map[string]any) bool, error) {
	var all []func(map[string]any) bool
	for _, term := range terms(query.Get("labelSelector")) {
		key, want, hasValue := strings.Cut(term, "=")
		key, differs := strings.CutSuffix(key, "!")
		want = strings.TrimPrefix(want, "=")
		if strings.ContainsAny(term, " ()!") && !differs {
			return nil, untaught("the labelSelector " + term)
		}
		all = append(all, func(o map[string]any) bool {
			value, ok := lookup(o, "metadata", "labels", key)
			if !hasValue {
				return ok
			}
			return (ok && value == want) != differs
		})
	}
	for _, term := range terms(query.Get("fieldSelector")) {
		key, want, _ := strings.Cut(term, "=")
		if !slices.Contains(c.kind.selectable(), key) {
			return nil, c.refuse(http.StatusBadRequest, "BadRequest", "field label not supported: "+key)
		}
		all = append(all, func(o map[string]any) bool { return text(o, strings.Split(key, ".")...) == want })
	}
	return func(o map[string]any) bool {
		return !slices.ContainsFunc(all, func(f func(map[string]any) bool) bool { return !f(o) })
	}, nil
}

func terms(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(t string) bool { return t == "" })
}

// selectable are the fields by which a kind's objects may be chosen.
func (k Kind) selectable() []string {
	fields := []string{"metadata.name", "metadata.namespace"}
	if k.Name == "Secret" {
		fields = append(fields, "type")
	}
	return fields
}
