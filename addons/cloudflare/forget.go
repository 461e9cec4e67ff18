package cloudflare

import (
	"context"
	"slices"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// Forget is what is done at Cloudflare when the cluster goes: its records are
// taken away, and then the tunnel if it is ours, or else our rules in it.
func (r *Run) Forget(ctx context.Context) error {
	if r.do == nil || r.do.cfg.off() {
		return nil
	}
	return again(r.do.takeAll(ctx))
}

func (h *hands) takeAll(ctx context.Context) error {
	// Records are one sign of whose the tunnel is, so this comes first.
	t, ours, err := h.ownTunnel(ctx)
	if err != nil {
		return err
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
		return err
	}
	if !ours {
		return h.put(ctx, noRules)
	}
	account, err := h.account(ctx)
	if err != nil {
		return err
	}
	return h.settle(ctx, h.forgetTunnel, func(ctx context.Context) error { return removeTunnel(ctx, h.do, account, t.ID) })
}

// noRules takes all of ours out.
func noRules(v *view, live []Rule) ([]Rule, []converge.Change, error) {
	rules, changes := v.scope().withdraw(live, nil)
	return rules, changes, nil
}

// ownTunnel is the tunnel by our name, or nil, and whether it is ours alone.
// For use an empty one that nobody is connected to will do; to be deleted it
// has to show that it is ours.
func (v *view) ownTunnel(ctx context.Context) (*tunnel, bool, error) {
	if !v.cfg.remote() {
		return nil, false, nil
	}
	t, err := v.theTunnel(ctx)
	if err != nil || t == nil || !t.remote() {
		return nil, false, err
	}
	set, err := v.theRules(ctx)
	if err != nil {
		return nil, false, err
	}
	why := "it has rules of somebody else's"
	if theirs := slices.ContainsFunc(set.rules, func(r Rule) bool { return !r.last() && r.owner(v.cfg.Cluster.ID) == "" }); !theirs {
		if ours, err := v.marked(ctx, t); err != nil || ours {
			return t, ours, err
		}
		held, err := v.held(ctx, t)
		if held {
			return t, true, nil
		}
		why = "nothing shows that it is this cluster's"
		if err != nil {
			why += ": " + err.Error()
		}
	}
	v.cfg.warn("tunnel "+t.Name+" stays: "+why, "take it away at https://one.dash.cloudflare.com when nobody needs it")
	return t, false, nil
}
