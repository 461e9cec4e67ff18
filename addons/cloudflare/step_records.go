package cloudflare

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// wanted are the records of services, by host.
func (v *view) wanted(ctx context.Context) (map[string][]Record, error) {
	to := ""
	if v.cfg.Cluster.Edge.OverCloudflare() {
		id, err := v.tunnelID(ctx)
		if err != nil {
			return nil, err
		}
		to = "the tunnel that is still to be made"
		if id != "" {
			to = target(id)
		}
	}
	return byName(Records(v.cfg.Cluster, v.cfg.Services, to)), nil
}

// publishing are the edits that make hosts lead where they are to lead. Only
// where ours are not all there, somebody else's are looked for. Those come as
// *ForeignError, beside the edits for the other hosts.
func (v *view) publishing(ctx context.Context) ([]edit, error) {
	wanted, err := v.wanted(ctx)
	if err != nil {
		return nil, err
	}
	all, err := v.allRecords(ctx)
	if err != nil {
		return nil, err
	}
	taken, err := v.taken(ctx)
	if err != nil {
		return nil, err
	}
	ours := byName(all)
	var out []edit
	var errs []error
	for _, host := range names(wanted) {
		want := wanted[host]
		if err := taken[host]; err != nil {
			errs = append(errs, err)
			continue
		}
		if v.cfg.Only != "" && want[0].Comment != recordMark(v.cfg.Cluster.ID, v.cfg.Only) {
			continue
		}
		todo, err := v.scope().differ(want, ours[host])
		if len(todo) > 0 {
			todo, err = v.amongOthers(ctx, want, ours[host])
		}
		out, errs = append(out, todo...), append(errs, err)
	}
	return out, errors.Join(errs...)
}

// amongOthers are the edits of a host with all in sight that is there. Without
// that there are none: they could come to stand beside somebody else's.
func (v *view) amongOthers(ctx context.Context, want, ours []Record) ([]edit, error) {
	there, err := v.at(ctx, want[0].Name)
	if err != nil {
		return nil, err
	}
	astray := slices.DeleteFunc(ours, func(r Record) bool { return r.zone == want[0].zone })
	return v.scope().differ(want, append(there, astray...))
}

// withdrawing are the edits that take a host back: out of the zone, or from
// the internet to the LAN.
func (v *view) withdrawing(ctx context.Context) ([]edit, error) {
	wanted, err := v.wanted(ctx)
	if err != nil {
		return nil, err
	}
	all, err := v.allRecords(ctx)
	if err != nil {
		return nil, err
	}
	s := v.scope()
	ours := byName(slices.DeleteFunc(all, func(r Record) bool { return !s.chosen(r) }))
	var out []edit
	for _, host := range names(ours) {
		public := func(r Record) bool { return r.Proxied }
		if want := wanted[host]; slices.ContainsFunc(want, public) || len(want) > 0 && !slices.ContainsFunc(ours[host], public) {
			continue
		}
		todo, err := s.differ(wanted[host], ours[host])
		if err != nil {
			return nil, err
		}
		out = append(out, todo...)
	}
	return out, v.mayTake(v.changes(out))
}

var errNoFolder = errors.New("there is no folder services/, and records or rules of services are at Cloudflare")

// mayTake refuses to take everything away for a checkout without its services.
func (v *view) mayTake(changes []converge.Change) error {
	if !v.cfg.NoFolder || len(changes) == 0 {
		return nil
	}
	return machine.WithHint(errNoFolder, "take the services/ folder of this cluster beside its file; if all services are to go, make an empty one")
}

func (v *view) changes(edits []edit) []converge.Change {
	var out []converge.Change
	for _, e := range edits {
		out = append(out, e.change(v.scope()))
	}
	return out
}

func checkRecords(ctx context.Context, v *view) ([]converge.Change, error) {
	todo, err := v.publishing(ctx)
	return v.changes(todo), err
}

// checkPublishable has nothing against what is somebody else's as long as
// there are other hosts to publish: it is told when these are.
func checkPublishable(ctx context.Context, v *view) ([]converge.Change, error) {
	changes, err := checkRecords(ctx, v)
	if len(changes) > 0 && inTheWay(err) {
		return changes, nil
	}
	return changes, err
}

func checkWithdrawn(ctx context.Context, v *view) ([]converge.Change, error) {
	todo, err := v.withdrawing(ctx)
	return v.changes(todo), err
}

func writeRecords(ctx context.Context, h *hands) error {
	return h.edit(ctx, h.publishing)
}

func withdrawRecords(ctx context.Context, h *hands) error {
	return h.edit(ctx, h.withdrawing)
}

func (h *hands) edit(ctx context.Context, plan func(context.Context) ([]edit, error)) error {
	return h.settle(ctx, h.forgetRecords, func(ctx context.Context) error {
		todo, err := plan(ctx)
		if err != nil && !inTheWay(err) {
			return err
		}
		for _, e := range todo {
			if err := h.write(ctx, e); err != nil {
				return err
			}
		}
		return err
	})
}

func (h *hands) write(ctx context.Context, e edit) error {
	z, err := h.zone(ctx, cmp.Or(e.Want, e.Have).zone)
	switch {
	case err != nil:
		return err
	case e.Want == nil:
		return deleteRecord(ctx, h.do, z, *e.Have)
	case e.Have == nil:
		return createRecord(ctx, h.do, z, *e.Want)
	}
	changed := *e.Want
	changed.ID = e.Have.ID
	return changeRecord(ctx, h.do, z, changed)
}
