package addons

import (
	"context"

	"github.com/k3sedge/k3sedge/addons/object"
)

// Group is objects that belong together.
type Group struct {
	Service string // "" for those that all services refer to
	Objects []object.Object
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
			out = append(out, Group{Service: w.owner})
		}
		g := &out[len(out)-1]
		g.Objects = append(g.Objects, w.object)
	}
	return out, nil
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
