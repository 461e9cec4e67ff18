package fakekube

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// apply is server-side apply: the fields of sent become the manager's, those
// that it sent before and leaves out now are removed unless others have them.
func (k *Kube) apply(c *call) (map[string]any, error) {
	sent, err := c.sent()
	if err != nil {
		return nil, err
	}
	was := k.items[c.path]
	if err := k.admissible(c.kind, c.namespace, c.name, sent); err != nil {
		return nil, err
	}
	if err := c.secure(sent); err != nil {
		return nil, err
	}
	who := c.owner()
	it := &item{kind: c.kind, object: map[string]any{}, owners: map[owner]fields{}}
	if was != nil {
		it.object = clone(was.object)
		for o, set := range was.owners {
			it.owners[o] = maps.Clone(set)
		}
	}
	if err := it.merge(sent, who, c); err != nil {
		return nil, err
	}
	set(it.object, c.name, "metadata", "name")
	if c.kind.Namespaced {
		set(it.object, c.namespace, "metadata", "namespace")
	}
	if err := c.kind.check(it.object, was); err != nil {
		return nil, err
	}
	if c.dryRun {
		k.complete(it, was)
		return it.whole(), nil
	}
	c.code = http.StatusOK
	if was == nil {
		c.code = http.StatusCreated
	}
	c.changed = k.store(c.path, it, was)
	if !c.changed {
		it = was
	}
	return it.whole(), nil
}

// merge brings the fields of sent into the item.
func (it *item) merge(sent map[string]any, who owner, c *call) error {
	if it.owners[who] == nil {
		it.owners[who] = fields{}
	}
	wanted := leaves(sent)
	if conflicts := it.conflicts(sent, who); len(conflicts) > 0 && !c.force {
		return c.refuse(http.StatusConflict, "Conflict", fmt.Sprintf("Apply failed with %d conflict(s): %s", len(conflicts), strings.Join(conflicts, "; ")))
	}
	for path := range it.owners[who] {
		if !wanted[path] && len(it.othersOwn(path, who)) == 0 {
			unset(it.object, strings.Split(path, joint)...)
		}
	}
	it.owners[who] = wanted
	for path := range wanted {
		keys := strings.Split(path, joint)
		value, _ := lookup(sent, keys...)
		if empty, ok := value.(map[string]any); ok && len(empty) == 0 && it.hasMap(keys) {
			continue // to own a map is not to own what is in it
		}
		if !same(it.object, sent, path) {
			it.take(path, who)
		}
		set(it.object, cloneValue(value), keys...)
	}
	return nil
}

// conflicts lists the fields that would be taken from others.
func (it *item) conflicts(sent map[string]any, who owner) []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(leaves(sent))) {
		if others := it.othersOwn(path, who); !same(it.object, sent, path) && len(others) > 0 {
			out = append(out, fmt.Sprintf("conflict with %q: .%s", others[0], strings.ReplaceAll(path, joint, ".")))
		}
	}
	return out
}

func (it *item) hasMap(keys []string) bool {
	have, _ := lookup(it.object, keys...)
	_, ok := have.(map[string]any)
	return ok
}

// owner is in whose name the fields are set. The books of the status are kept apart.
func (c *call) owner() owner {
	if c.status {
		return owner{c.manager + "/status", "Apply"}
	}
	return owner{c.manager, "Apply"}
}

// sent is the object in the request, if it may be applied at all.
func (c *call) sent() (map[string]any, error) {
	if c.manager == "" {
		return nil, &refusal{Code: http.StatusUnprocessableEntity, Reason: "Invalid",
			Message: `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch`}
	}
	sent, err := decode(c.body)
	if err != nil {
		return nil, c.refuse(http.StatusBadRequest, "BadRequest", "error decoding YAML: "+err.Error())
	}
	namespace := text(sent, "metadata", "namespace")
	switch {
	case sent["apiVersion"] != c.kind.APIVersion() || sent["kind"] != c.kind.Name:
		return nil, c.refuse(http.StatusBadRequest, "BadRequest", fmt.Sprintf("invalid object type: %v, Kind=%v", sent["apiVersion"], sent["kind"]))
	case text(sent, "metadata", "name") != c.name:
		return nil, c.refuse(http.StatusBadRequest, "BadRequest", "the name of the object does not match the name on the URL")
	case c.kind.Namespaced && cmp.Or(namespace, c.namespace) != c.namespace, !c.kind.Namespaced && namespace != "":
		return nil, c.refuse(http.StatusBadRequest, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request")
	}
	if _, ok := lookup(sent, "metadata", "managedFields"); ok {
		return nil, c.refuse(http.StatusBadRequest, "BadRequest", "metadata.managedFields must be nil")
	}
	// The status has a door of its own, through which nothing else fits.
	other := "status"
	if c.status {
		other = "spec"
	}
	delete(sent, other)
	return sent, nil
}

var (
	nameRule  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelRule = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`)
)

// admissible refuses what does not depend on what is there already, and an
// object whose namespace does not take any.
func (k *Kube) admissible(kind Kind, namespace, name string, object map[string]any) error {
	c := &call{kind: kind, namespace: namespace, name: name}
	limit := 253
	if kind.Name == "Namespace" || kind.Name == "Service" {
		limit = 63
	}
	if !nameRule.MatchString(name) || len(name) > limit || limit == 63 && strings.Contains(name, ".") {
		return c.invalid("metadata.name", fmt.Sprintf("Invalid value: %q", name))
	}
	if err := c.checkLabels(object); err != nil {
		return err
	}
	if !kind.Namespaced {
		return nil
	}
	switch home := k.items[k.mustKind("Namespace").Path("", namespace)]; {
	case home == nil:
		return (&call{kind: k.mustKind("Namespace"), name: namespace}).notFound()
	case terminating(home.object) && k.items[kind.Path(namespace, name)] == nil:
		return c.refuse(http.StatusForbidden, "Forbidden", fmt.Sprintf("%s %q is forbidden: unable to create new content in namespace %s because it is being terminated",
			kind.resource(), name, namespace))
	}
	return nil
}

func (c *call) checkLabels(object map[string]any) error {
	labels, _ := lookup(object, "metadata", "labels")
	byKey, _ := labels.(map[string]any)
	for key, value := range byKey {
		if s, ok := value.(string); !ok || len(s) > 63 || !labelRule.MatchString(s) {
			return c.invalid("metadata.labels", fmt.Sprintf("Invalid value: %v of %s", value, key))
		}
	}
	return nil
}

// check refuses an object that lacks what its kind must have, or changes what must not change.
func (k Kind) check(object map[string]any, was *item) error {
	c := &call{kind: k, name: text(object, "metadata", "name")}
	found := len(k.Required) == 0
	for _, field := range k.Required {
		_, ok := lookup(object, strings.Split(field, ".")...)
		found = found || ok
	}
	if !found {
		return c.invalid(strings.Join(k.Required, " or "), "Required value")
	}
	for _, field := range k.Fixed {
		path := strings.ReplaceAll(field, ".", joint)
		if was != nil && !same(was.object, object, path) {
			return c.invalid(field, "Invalid value: field is immutable")
		}
	}
	if k.Name == "Secret" {
		return c.checkSecret(object)
	}
	return nil
}

func (c *call) checkSecret(object map[string]any) error {
	data, _ := lookup(object, "data")
	values, _ := data.(map[string]any)
	for key, value := range values {
		s, ok := value.(string)
		if _, err := base64.StdEncoding.DecodeString(s); err != nil || !ok {
			return c.refuse(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data in %s: %v", key, value))
		}
	}
	return nil
}

// remove is DELETE.
func (k *Kube) remove(c *call) (map[string]any, error) {
	it := k.items[c.path]
	if it == nil {
		return nil, c.notFound()
	}
	c.changed = !c.dryRun
	if c.dryRun {
		return it.whole(), nil
	}
	k.version++
	if c.kind.Name != "Namespace" {
		delete(k.items, c.path)
		return map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Success",
			"details": map[string]any{"name": c.name, "group": c.kind.Group, "kind": c.kind.Plural, "uid": text(it.object, "metadata", "uid")}}, nil
	}
	for _, path := range k.below(c.name) {
		delete(k.items, path)
	}
	set(it.object, time.Now().UTC().Format(time.RFC3339), "metadata", "deletionTimestamp")
	set(it.object, "Terminating", "status", "phase")
	if !k.linger {
		delete(k.items, c.path)
	}
	return it.whole(), nil
}
