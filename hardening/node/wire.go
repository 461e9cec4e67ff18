package node

import (
	"context"
	"maps"
	"slices"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// wire tries the servers by the code that `look` has for it.
func wire(ctx context.Context, asked map[string]look.Dial) (map[string]look.DialAnswer, error) {
	names := slices.Sorted(maps.Keys(asked))
	var r look.Request
	for _, name := range names {
		r.Dials = append(r.Dials, asked[name])
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	out := map[string]look.DialAnswer{}
	for i, a := range look.Here(ctx, r).Dials {
		out[names[i]] = a
	}
	return out, nil
}
