package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// view looks. What it has read serves all steps until something is written. A
// run without changes takes two requests a zone and three more: the zone and
// its records of ours, the tunnel, its rules and its token.
type view struct {
	cfg Config
	api Reader

	zones  map[string]*cell[zone]     // by name
	ours   map[string]*cell[[]Record] // by the zone's name
	tunnel cell[*tunnel]              // nil if there is none
	rules  cell[ruleset]
	token  cell[inventory.Secret]

	proven atomic.Pointer[string] // the ID of a tunnel that was found to be ours

	pause func(context.Context, time.Duration) bool // converge.Pause, but in tests
}

// ruleset is what a tunnel does, and the version of that.
type ruleset struct {
	configuration
	rules []Rule
}

func newView(c Config, r Reader) *view {
	v := &view{cfg: c, api: r, zones: map[string]*cell[zone]{}, ours: map[string]*cell[[]Record]{}, pause: converge.Pause}
	for _, name := range c.flare().Zones {
		v.zones[name], v.ours[name] = &cell[zone]{}, &cell[[]Record]{}
	}
	return v
}

func (v *view) scope() scope {
	return scope{cluster: v.cfg.Cluster.ID, only: v.cfg.Only, adopt: v.cfg.Adopt}
}

func (v *view) zone(ctx context.Context, name string) (zone, error) {
	known, ok := v.zones[name]
	if !ok {
		return zone{}, fmt.Errorf("edge.cloudflare.zones does not have %q", name)
	}
	return known.get(func() (zone, error) { return findZone(ctx, v.api, name) })
}

// account owns the tunnel: the file says which one, or else it is that of the first zone.
func (v *view) account(ctx context.Context) (string, error) {
	flare := v.cfg.flare()
	if flare.Account != "" {
		return flare.Account, nil
	}
	if len(flare.Zones) == 0 {
		return "", errNoZone
	}
	z, err := v.zone(ctx, flare.Zones[0])
	return z.Account.ID, err
}

// records are those of the cluster in a zone.
func (v *view) records(ctx context.Context, name string) ([]Record, error) {
	z, err := v.zone(ctx, name)
	if err != nil {
		return nil, err
	}
	return v.ours[name].get(func() ([]Record, error) {
		found, err := listRecords(ctx, v.api, z, url.Values{"comment.startswith": {recordMark(v.cfg.Cluster.ID, "")}})
		var mine []Record
		for _, r := range found {
			if v.scope().mine(r) { // the filter does not look at the case of letters
				mine = append(mine, r)
			}
		}
		return mine, err
	})
}

// allRecords are those of the cluster in all zones.
func (v *view) allRecords(ctx context.Context) ([]Record, error) {
	var out []Record
	var errs []error
	for _, name := range v.cfg.flare().Zones {
		found, err := v.records(ctx, name)
		out, errs = append(out, found...), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// at are all records of a name, whoever has made them.
func (v *view) at(ctx context.Context, host string) ([]Record, error) {
	z, err := v.zone(ctx, v.cfg.flare().Zone(host))
	if err != nil {
		return nil, err
	}
	return listRecords(ctx, v.api, z, url.Values{"name.exact": {host}})
}

func (v *view) theTunnel(ctx context.Context) (*tunnel, error) {
	account, err := v.account(ctx)
	if err != nil {
		return nil, err
	}
	return v.tunnel.get(func() (*tunnel, error) { return findTunnel(ctx, v.api, account, v.cfg.Cluster.Edge.Tunnel.Name) })
}

// theRules are the tunnel's. One that is not there has none.
func (v *view) theRules(ctx context.Context) (ruleset, error) {
	t, err := v.theTunnel(ctx)
	if err != nil || t == nil {
		return ruleset{}, err
	}
	account, err := v.account(ctx)
	if err != nil {
		return ruleset{}, err
	}
	return v.rules.get(func() (out ruleset, err error) {
		if out.configuration, err = readConfiguration(ctx, v.api, account, t.ID); err == nil {
			out.rules, err = parseRules(out.Config)
		}
		return out, err
	})
}

func (v *view) theToken(ctx context.Context, t *tunnel) (inventory.Secret, error) {
	account, err := v.account(ctx)
	if err != nil {
		return inventory.Secret{}, err
	}
	return v.token.get(func() (inventory.Secret, error) { return tunnelToken(ctx, v.api, account, t.ID) })
}

func (v *view) forgetTunnel() {
	v.tunnel.forget()
	v.rules.forget()
	v.token.forget()
}

func (v *view) forgetRecords() {
	for _, c := range v.ours {
		c.forget()
	}
}
