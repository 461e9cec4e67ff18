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
	// Records are one sign of whose the tunnel is, so this comes first.
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

// ownTunnel is the tunnel if it is ours alone, or nil. For use an empty one that
// nobody is connected to will do; to be deleted it has to show that it is ours.
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
	why := "it has rules of somebody else's"
	if theirs := slices.ContainsFunc(set.rules, func(r Rule) bool { return !r.last() && r.owner(v.cfg.Cluster.ID) == "" }); !theirs {
		if ours, err := v.marked(ctx, t); err != nil || ours {
			return t, err
		}
		held, err := v.held(ctx, t)
		if held {
			return t, nil
		}
		why = "nothing shows that it is this cluster's"
		if err != nil {
			why += ": " + err.Error()
		}
	}
	v.cfg.warn("tunnel "+t.Name+" stays: "+why, "take it away at https://one.dash.cloudflare.com when nobody needs it")
	return nil, nil
}
