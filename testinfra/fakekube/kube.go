package fakekube

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/k3s/kubeapi"
)

// Kube is the stand-in. It is an http.RoundTripper and an http.Handler.
type Kube struct {
	mu       sync.Mutex // guards the rest
	kinds    []Kind
	items    map[string]*item // by path
	version  int              // of the last change
	faults   []*Fault
	requests []Request
	react    func(path string, object map[string]any)
	linger   bool
	behind   map[string]any // by path
}

// item is an object and who set which of its fields.
type item struct {
	kind   Kind
	object map[string]any // without managedFields
	owners map[owner]fields
}

// Request is one that was answered.
type Request struct {
	Method, Path string // Path is without its query
	DryRun       bool
	Code         int  // of HTTP; 0 if the connection was cut
	Changed      bool // whether something is different now
}

// New makes an API server with the kinds that every one has, those of K3s, and
// the given ones, and with the namespaces of a new cluster.
func New(kinds ...Kind) *Kube {
	k := &Kube{items: map[string]*item{}, behind: map[string]any{}}
	k.Register(Builtin()...)
	k.Register(Helm()...)
	k.Register(kinds...)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range []string{"default", "kube-node-lease", "kube-public", "kube-system"} {
		k.keep(k.mustKind("Namespace"), map[string]any{"metadata": map[string]any{"name": name}})
	}
	return k
}

// API is the API without a network in between.
func (k *Kube) API() *kubeapi.Client { return kubeapi.Over(k) }

// React has f called after each change that came by a request, so that a test
// can be the controller which answers it. f may call Put and Remove.
func (k *Kube) React(f func(path string, object map[string]any)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.react = f
}

// Linger makes deleted namespaces stay, empty and terminating, as they do on a
// real cluster until its controllers are done; false lets them go.
func (k *Kube) Linger(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.linger = on
	for path, it := range k.items {
		if !on && terminating(it.object) {
			delete(k.items, path)
		}
	}
}

// Behind sets what a GET through the API server gets of whoever stands behind
// it, such as a kubelet at /api/v1/nodes/edge-1/proxy/configz.
func (k *Kube) Behind(path string, document any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.behind[path] = document
}

// Put makes objects, given as anything that marshals to their whole JSON, as
// another manager would: with their status, and with their namespace if there
// is none.
func (k *Kube) Put(manager string, objects ...any) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, o := range objects {
		object, err := generic(o)
		if err != nil {
			return err
		}
		kind, ok := k.kindOf(object)
		if !ok {
			return fmt.Errorf("put: %v %v is not registered", object["apiVersion"], object["kind"])
		}
		namespace, name := text(object, "metadata", "namespace"), text(object, "metadata", "name")
		if kind.Namespaced && k.items[k.mustKind("Namespace").Path("", namespace)] == nil {
			k.keep(k.mustKind("Namespace"), map[string]any{"metadata": map[string]any{"name": namespace}})
		}
		if err := k.admissible(kind, namespace, name, object); err != nil {
			return fmt.Errorf("put: %w", err)
		}
		k.update(kind, object, owner{manager, "Update"})
	}
	return nil
}

// Remove takes away what is at path, without a request.
func (k *Kube) Remove(path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.items, path)
}

// Object returns the object at path as a GET would, or nil.
func (k *Kube) Object(path string) map[string]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	if it := k.items[path]; it != nil {
		return it.whole()
	}
	return nil
}

// Paths lists where there are objects, in order.
func (k *Kube) Paths() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.items))
}

// Requests lists all that were answered, in their order.
func (k *Kube) Requests() []Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.requests)
}

// Writes lists the requests that were to change something, refused ones too.
func (k *Kube) Writes() []Request {
	return slices.DeleteFunc(k.Requests(), func(r Request) bool { return r.Method == "GET" || r.DryRun })
}

func (k *Kube) mustKind(name string) Kind {
	i := slices.IndexFunc(k.kinds, func(kind Kind) bool { return kind.Name == name })
	return k.kinds[i]
}

func (k *Kube) kindOf(object map[string]any) (Kind, bool) {
	for _, kind := range k.kinds {
		if object["kind"] == kind.Name && object["apiVersion"] == kind.APIVersion() {
			return kind, true
		}
	}
	return Kind{}, false
}

// keep makes an object that belongs to the API server itself.
func (k *Kube) keep(kind Kind, object map[string]any) {
	k.update(kind, object, owner{"kube-apiserver", "Update"})
}

// update puts object in the place of what is there. What differs belongs to who.
func (k *Kube) update(kind Kind, object map[string]any, who owner) {
	path := kind.Path(text(object, "metadata", "namespace"), text(object, "metadata", "name"))
	was := k.items[path]
	it := &item{kind: kind, object: clone(object), owners: map[owner]fields{who: {}}}
	if was != nil {
		for o, set := range was.owners {
			it.owners[o] = maps.Clone(set)
		}
	}
	have := leaves(it.object)
	for path := range have {
		if was == nil || !same(was.object, it.object, path) {
			it.take(path, who)
		}
	}
	for _, set := range it.owners {
		maps.DeleteFunc(set, func(path string, _ bool) bool { return !have[path] })
	}
	k.store(path, it, was)
}

// store fills in what the server fills in, and keeps the object if it is
// another than before. It reports whether it was.
func (k *Kube) store(path string, it, was *item) bool {
	k.complete(it, was)
	if was != nil && was.equal(it) {
		return false
	}
	k.version++
	set(it.object, strconv.Itoa(k.version), "metadata", "resourceVersion")
	k.items[path] = it
	return true
}

// complete sets the metadata that only the server sets, and its defaults.
func (k *Kube) complete(it, was *item) {
	it.object["apiVersion"], it.object["kind"] = it.kind.APIVersion(), it.kind.Name
	if was == nil {
		set(it.object, fmt.Sprintf("00000000-0000-4000-8000-%012d", k.version+1), "metadata", "uid")
		set(it.object, time.Now().UTC().Format(time.RFC3339), "metadata", "creationTimestamp")
	} else {
		for _, key := range []string{"uid", "creationTimestamp", "resourceVersion"} {
			set(it.object, text(was.object, "metadata", key), "metadata", key)
		}
	}
	k.defaults(it.object, it.kind)
	if it.kind.Group == "" {
		return
	}
	generation := 1
	if was != nil {
		generation, _ = strconv.Atoi(number(was.object, "metadata", "generation"))
		if !sameIntent(was.object, it.object) {
			generation++
		}
	}
	set(it.object, json.Number(strconv.Itoa(generation)), "metadata", "generation")
}

func (k *Kube) defaults(object map[string]any, kind Kind) {
	switch kind.Name {
	case "Namespace":
		set(object, text(object, "metadata", "name"), "metadata", "labels", "kubernetes.io/metadata.name")
		if !terminating(object) {
			set(object, "Active", "status", "phase")
		}
	case "Service":
		for key, value := range map[string]any{"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
			"clusterIP": fmt.Sprintf("10.43.0.%d", 10+k.version%240)} {
			if _, ok := lookup(object, "spec", key); !ok {
				set(object, value, "spec", key)
			}
		}
	case "Secret":
		object["type"] = cmp.Or(text(object, "type"), "Opaque")
	}
}

func terminating(object map[string]any) bool {
	return text(object, "metadata", "deletionTimestamp") != ""
}

// below lists the objects of a namespace.
func (k *Kube) below(namespace string) []string {
	var out []string
	for path := range k.items {
		if strings.Contains(path, "/namespaces/"+namespace+"/") {
			out = append(out, path)
		}
	}
	return out
}
