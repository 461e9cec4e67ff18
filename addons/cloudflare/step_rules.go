package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// plan is what the rules are to be, and what that changes.
type plan func(*view, []Rule) ([]Rule, []converge.Change, error)

func wantedRules(v *view, live []Rule) ([]Rule, []converge.Change, error) {
	rules, changes := v.scope().merge(live, Rules(v.cfg.Cluster, v.cfg.chosen()))
	return rules, changes, nil
}

// taken tells, by host, of rules of somebody else's for the hosts that are
// published. They are the matter of the step for records, which says all that
// is in the way, and makes no record that would lead to them.
func (v *view) taken(ctx context.Context) (map[string]error, error) {
	if !v.cfg.remote() {
		return nil, nil
	}
	set, err := v.theRules(ctx)
	return v.scope().sort(set.rules, Rules(v.cfg.Cluster, v.cfg.chosen())).foreign, err
}

func staleRules(v *view, live []Rule) ([]Rule, []converge.Change, error) {
	rules, changes := v.scope().withdraw(live, Rules(v.cfg.Cluster, v.cfg.Services))
	return rules, changes, v.mayTake(changes)
}

func checkRules(ctx context.Context, v *view) ([]converge.Change, error) {
	return planRules(ctx, v, wantedRules)
}

func checkStaleRules(ctx context.Context, v *view) ([]converge.Change, error) {
	return planRules(ctx, v, staleRules)
}

func planRules(ctx context.Context, v *view, p plan) ([]converge.Change, error) {
	set, err := v.theRules(ctx)
	if err != nil {
		return nil, err
	}
	_, changes, err := p(v, set.rules)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	return changes, v.mayUse(ctx)
}

func writeRules(ctx context.Context, h *hands) error    { return h.put(ctx, wantedRules) }
func withdrawRules(ctx context.Context, h *hands) error { return h.put(ctx, staleRules) }

// put reads the rules once more, because the whole document is replaced: what
// somebody else has written since would be lost.
func (h *hands) put(ctx context.Context, p plan) error {
	return h.settle(ctx, h.forgetTunnel, func(ctx context.Context) error {
		h.rules.forget()
		set, err := h.theRules(ctx)
		if err != nil {
			return err
		}
		rules, changes, err := p(h.view, set.rules)
		if err != nil || len(changes) == 0 {
			return err
		}
		return h.replace(ctx, set, rules)
	})
}

var errNoTunnel = errors.New("the tunnel is not there")

func (h *hands) replace(ctx context.Context, set ruleset, rules []Rule) error {
	t, err := h.theTunnel(ctx)
	if err == nil && t == nil {
		err = machine.WithHint(errNoTunnel, "k3sedge up makes it")
	}
	if err != nil {
		return err
	}
	account, err := h.account(ctx)
	if err != nil {
		return err
	}
	config := map[string]json.RawMessage{}
	maps.Copy(config, set.Config)
	if config["ingress"], err = document(rules); err != nil {
		return err
	}
	version, err := writeConfiguration(ctx, h.do, account, t.ID, config)
	if err == nil && version > set.Version+1 {
		h.cfg.warn(fmt.Sprintf("somebody else wrote the rules of tunnel %s at the same moment: version %d became %d", t.Name, set.Version, version),
			"ours are there; see at https://one.dash.cloudflare.com whether theirs still are")
	}
	return err
}
