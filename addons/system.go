package addons

import (
	"maps"
	"slices"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// SystemObjects are those that all services refer to.
func SystemObjects(c inventory.Cluster) ([]object.Object, error) {
	edge := inventory.Edge{}
	if c.Edge != nil {
		edge = *c.Edge
	}
	meta := func(name string) object.Meta { return object.Meta{Name: name, Namespace: SystemNamespace} }
	out := []object.Object{
		object.Namespace{Meta: object.Meta{Name: SystemNamespace}},
		object.NetworkPolicy{Meta: meta(object.ClosedName), Spec: object.Closed()},
		object.TLSOption{Meta: meta(tlsOptionName), Spec: tlsOption()},
		object.TLSOption{Meta: meta(defaultOptions), Spec: tlsOption()},
		object.Middleware{Meta: meta(headersName), Spec: object.MiddlewareSpec{Headers: headersOf(inventory.Service{Preset: inventory.PresetWeb})}},
	}
	limits, err := sharedLimits(edge)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		out = append(out, object.Middleware{Meta: meta(name), Spec: object.MiddlewareSpec{RateLimit: limits[name]}})
	}
	return append(out, zoneCertificates(edge)...), nil
}
