package addons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// source is one list that a snapshot is made of.
type source struct {
	kind     object.Kind
	ours     bool // only what has our label
	optional bool // a cluster may not have the kind at all
}

// The kinds that are only looked at, because their routes compete with ours.
var (
	errNoTraefik = errors.New("the cluster does not know Traefik's kinds of objects")
	errMoving    = errors.New("the list changed faster than it could be read")
)

func ingressRoute() object.Kind {
	return object.Kind{Group: "traefik.io", Version: "v1alpha1", Name: "IngressRoute", Plural: "ingressroutes"}
}

func httpRoute() object.Kind {
	return object.Kind{Group: "gateway.networking.k8s.io", Version: "v1", Name: "HTTPRoute", Plural: "httproutes"}
}

// sources are all lists. Whatever the rules look at is listed whole, so that
// one look serves the rules, the comparison and the pruning.
func sources() []source {
	return []source{
		{kind: object.Namespace{}.Kind()},
		{kind: object.Secret{}.Kind(), ours: true},
		{kind: object.Service{}.Kind(), ours: true},
		{kind: object.NetworkPolicy{}.Kind(), ours: true},
		{kind: object.EndpointSlice{}.Kind()},
		{kind: object.Middleware{}.Kind()},
		{kind: object.MiddlewareTCP{}.Kind(), ours: true},
		{kind: object.TLSOption{}.Kind()},
		{kind: object.TLSStore{}.Kind()},
		{kind: object.Certificate{}.Kind(), optional: true},
		{kind: object.ServersTransport{}.Kind(), ours: true},
		{kind: object.Ingress{}.Kind()},
		{kind: ingressRoute(), optional: true},
		{kind: object.IngressRouteTCP{}.Kind()},
		{kind: httpRoute(), optional: true},
	}
}

// item is an object that is there.
type item struct {
	kind object.Kind
	meta liveMeta
	raw  json.RawMessage
}

type liveMeta struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	DeletionTimestamp string            `json:"deletionTimestamp"`
}

func (i item) path() string { return i.kind.Path(i.meta.Namespace, i.meta.Name) }

func (i item) leaving() bool { return i.meta.DeletionTimestamp != "" }

// ours reports whether we made the object. Labels alone do not say so, they
// are copied with an object: it has to stand where we put it, too.
func (i item) ours() bool {
	m := i.meta
	home := NamespaceOf(m.Labels[object.ForService])
	if m.Labels[object.ForService] == "" {
		home = SystemNamespace
	}
	stands := m.Namespace
	if i.kind.Cluster {
		stands = m.Name
	}
	return m.Labels[object.ManagedBy] == cluster.FieldManager && m.Annotations[object.Applied] != "" && stands == home
}

// snapshot is what was there at one look.
type snapshot struct {
	items map[string][]item // by the name of the kind
	paths map[string]item
	// unknown are the kinds, by their names, that the cluster does not have.
	unknown map[string]bool
}

// take lists everything at the same time.
func take(ctx context.Context, r cluster.Reader) (*snapshot, error) {
	all := sources()
	lists, errs := make([][]item, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() { lists[i], errs[i] = s.list(ctx, r) })
	}
	wg.Wait()
	// One is enough: where the API does not answer, all would say the same.
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	out := &snapshot{items: map[string][]item{}, paths: map[string]item{}, unknown: map[string]bool{}}
	for i, s := range all {
		out.items[s.kind.Name], out.unknown[s.kind.Name] = lists[i], lists[i] == nil
		for _, it := range lists[i] {
			out.paths[it.path()] = it
		}
	}
	return out, nil
}

func (s source) list(ctx context.Context, r cluster.Reader) ([]item, error) {
	selector := ""
	if s.ours {
		selector = object.ManagedBy + "=" + cluster.FieldManager
	}
	items, err := listAll(ctx, r, query{s.kind, s.kind.List(), selector})
	switch {
	case err == nil && items == nil:
		return []item{}, nil // nil is a kind that is not known
	case cluster.NotFound(err) && s.optional:
		return nil, nil
	case cluster.NotFound(err):
		return nil, machine.WithHint(fmt.Errorf("list %s: %w: %w", s.kind.Plural, errNoTraefik, err), "k3sedge up brings Traefik; services come after it")
	case err != nil:
		return nil, fmt.Errorf("list %s: %w", s.kind.Plural, err)
	}
	return items, nil
}
