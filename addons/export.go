package addons

import (
	"context"

	"github.com/k3sedge/k3sedge/addons/object"
)

// YAML is what Stages would apply, as documents for other tools, with *** in
// the place of each secret.
func YAML(ctx context.Context, c Config) ([]byte, error) {
	wants, err := c.desired(ctx)
	if err != nil {
		return nil, err
	}
	objects := make([]object.Object, len(wants))
	for i, w := range wants {
		objects[i] = w.object
	}
	return object.YAML(objects...)
}
