package cloudflare

import (
	"context"
	"slices"
)

// Forget is what is done at Cloudflare when the cluster goes: its records are
// taken away, and then the tunnel, if it is ours.
func (r *Run) Forget(ctx context.Context) error {
	h := r.do
	if h == nil || h.cfg.off() {
		return nil
	}
	// Records are one proof of whose the tunnel is, so this comes first.
	t, err := h.ownTunnel(ctx)
	if err != nil {
		return again(err)
	}
	everything := func(ctx context.Context) ([]edit, error) {
		records, err := h.allRecords(ctx)
		var out []edit
		for _, record := range records {
			out = append(out, edit{Have: &record})
		}
		return out, err
	}
	if err := h.edit(ctx, everything); err != nil || t == nil {
		return again(err)
	}
	account, err := h.account(ctx)
	if err != nil {
		return again(err)
	}
	return again(h.settle(ctx, h.forgetTunnel, func(ctx context.Context) error { return removeTunnel(ctx, h.do, account, t.ID) }))
}

// ownTunnel is the tunnel if it is ours, or nil.
func (v *view) ownTunnel(ctx context.Context) (*tunnel, error) {
	if !v.cfg.remote() {
		return nil, nil
	}
	t, err := v.theTunnel(ctx)
	if err != nil || t == nil || !t.remote() {
		return nil, err
	}
	set, err := v.theRules(ctx)
	if err != nil {
		return nil, err
	}
	if theirs := slices.ContainsFunc(set.rules, func(r Rule) bool { return !r.last() && r.owner(v.cfg.Cluster.ID) == "" }); theirs {
		v.cfg.warn("tunnel "+t.Name+" stays: it has rules of somebody else's", "take it away at https://one.dash.cloudflare.com when nobody needs it")
		return nil, nil
	}
	if ours, err := v.owns(ctx, t); err != nil || !ours {
		return nil, err
	}
	return t, nil
}
