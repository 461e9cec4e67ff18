package cloudflare

import (
	"context"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// Differences are what Withdraw and Publish would change. Something of
// somebody else's in the way is a *ForeignError.
func (r *Run) Differences(ctx context.Context) ([]converge.Change, error) {
	v := r.view
	if v.cfg.off() {
		return nil, nil
	}
	looks := []func(context.Context, *view) ([]converge.Change, error){checkWithdrawn, checkRecords}
	if v.cfg.remote() {
		looks = append(looks, checkStaleRules, checkRules)
	}
	var out []converge.Change
	for _, look := range looks {
		changes, err := look(ctx, v)
		if err != nil {
			return out, again(err)
		}
		out = append(out, changes...)
	}
	return out, nil
}
