package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// checkToken reads a little of everything that later steps need, and names each
// permission that is missing for it. It changes nothing: what may only be read
// is found out by the first write.
func checkToken(ctx context.Context, v *view) ([]converge.Change, error) {
	var errs []error
	for _, name := range v.cfg.flare().Zones {
		_, err := v.records(ctx, name)
		var token *TokenError
		if errors.As(err, &token) || ctx.Err() != nil {
			return nil, err // all others would say the same
		}
		errs = append(errs, err)
	}
	if _, err := v.account(ctx); err == nil && v.cfg.Cluster.Edge.OverCloudflare() {
		_, err := v.connector(ctx)
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

var (
	errLocal    = errors.New("its rules are kept on a machine, not at Cloudflare")
	errStranger = errors.New("a tunnel by that name is in use, and not by this cluster")
)

func checkTunnel(ctx context.Context, v *view) ([]converge.Change, error) {
	t, err := v.theTunnel(ctx)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return []converge.Change{{ID: "tunnel " + v.cfg.Cluster.Edge.Tunnel.Name, Have: absent, Want: "there, with its rules at Cloudflare"}}, nil
	}
	return nil, v.mayUse(ctx)
}

// mayUse refuses a tunnel that is somebody else's, or that takes no rules from us.
func (v *view) mayUse(ctx context.Context) error {
	t, err := v.theTunnel(ctx)
	if err != nil || t == nil {
		return err
	}
	if !t.remote() {
		return machine.WithHint(fmt.Errorf("tunnel %s: %w", t.Name, errLocal),
			"write another edge.tunnel.name; or management: local, with the credentials of this one")
	}
	if known := v.proven.Load(); known != nil && *known == t.ID {
		return nil // what has proven it may be gone by now, by this very run
	}
	ours, err := v.owns(ctx, t)
	if err != nil {
		return err
	}
	if ours || v.cfg.Adopt {
		v.proven.Store(&t.ID)
		return nil
	}
	return machine.WithHint(fmt.Errorf("tunnel %s (%s, %d connections): %w", t.Name, t.Status, len(t.Connections), errStranger),
		"write another edge.tunnel.name, or have k3sedge up or add-service use this one with --adopt; rules that are there stay")
}

// owns reports whether the tunnel is this cluster's. One that nobody has
// connected to and that leads nowhere is one that we made, or might as well be.
func (v *view) owns(ctx context.Context, t *tunnel) (bool, error) {
	set, err := v.theRules(ctx)
	if err != nil {
		return false, err
	}
	if !t.served() && !slices.ContainsFunc(set.rules, func(r Rule) bool { return !r.last() }) {
		return true, nil
	}
	if ours, err := v.marked(ctx, t); err != nil || ours {
		return ours, err
	}
	return v.held(ctx, t)
}

// marked reports whether what belongs to the tunnel has our mark, since it has
// no field for one itself: a rule, or a record that leads to it.
func (v *view) marked(ctx context.Context, t *tunnel) (bool, error) {
	set, err := v.theRules(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(set.rules, func(r Rule) bool { return r.owner(v.cfg.Cluster.ID) != "" }) {
		return true, nil
	}
	records, err := v.allRecords(ctx)
	return slices.ContainsFunc(records, func(r Record) bool { return r.Content == target(t.ID) }), err
}

// held reports whether the cluster has the tunnel's token.
func (v *view) held(ctx context.Context, t *tunnel) (bool, error) {
	if v.cfg.Held == nil {
		return false, nil
	}
	id, err := v.cfg.Held(ctx)
	if err != nil {
		return false, fmt.Errorf("look whose tunnel %s is: %w", t.Name, err)
	}
	return id == t.ID, nil
}

func makeTunnel(ctx context.Context, h *hands) error {
	account, err := h.account(ctx)
	if err != nil {
		return err
	}
	return h.settle(ctx, h.forgetTunnel, func(ctx context.Context) error {
		if t, err := h.theTunnel(ctx); err != nil || t != nil {
			return err
		}
		return createTunnel(ctx, h.do, account, h.cfg.Cluster.Edge.Tunnel.Name)
	})
}
