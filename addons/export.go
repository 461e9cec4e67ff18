package addons

import (
	"cmp"
	"context"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// Group is objects that belong together.
type Group struct {
	Service string // "" for those that all services refer to
	Objects []object.Object
	// Filled are the secrets that objects name and that are none of them, with
	// nothing in them but who fills them.
	Filled []object.Secret
}

// Groups are what Stages would apply, in that order: what is shared, then each
// service. The cluster is not asked. Without Secrets, objects name their secrets
// and do not hold them.
func Groups(ctx context.Context, c Config) ([]Group, error) {
	c.unknown = c.Secrets == nil
	wants, err := c.desired(ctx)
	if err != nil {
		return nil, err
	}
	var out []Group
	for _, w := range wants {
		if last := len(out) - 1; last < 0 || out[last].Service != w.owner {
			out = append(out, Group{Service: w.owner, Filled: c.filled(w.owner)})
		}
		g := &out[len(out)-1]
		g.Objects = append(g.Objects, w.object)
	}
	return out, nil
}

// filled is the certificate of a service where cert-manager does not see to it.
func (c Config) filled(service string) []object.Secret {
	for _, s := range c.chosen() {
		w := wanted{Service: s, edge: *cmp.Or(c.Cluster.Edge, &inventory.Edge{})}
		if s.Name != service || s.Passthrough || issued(w.edge) {
			continue
		}
		by := "you: a certificate for " + s.Host
		if w.edge.Certificates != nil {
			by = "k3sedge up: Cloudflare's Origin CA, for " + s.Host
		}
		return []object.Secret{{Meta: w.meta(certificateSecret(s.Name)), Type: tlsType,
			Hidden: map[string]inventory.Secret{certKey: {}, keyKey: {}}, From: map[string]string{certKey: by, keyKey: by}}}
	}
	return nil
}

// YAML is what Stages would apply, as documents for other tools, with *** in
// the place of each secret.
func YAML(ctx context.Context, c Config) ([]byte, error) {
	groups, err := Groups(ctx, c)
	if err != nil {
		return nil, err
	}
	var objects []object.Object
	for _, g := range groups {
		objects = append(objects, g.Objects...)
	}
	return object.YAML(objects...)
}
