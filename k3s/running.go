package k3s

import (
	"context"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func checkRunning(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	want, err := v.wantedMarker(ctx)
	if err != nil {
		return nil, err
	}
	u, err := now.unit(unitOf(v.node.Role))
	if err != nil {
		return nil, err
	}
	have, err := now.marker()
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	if u.Active != "active" {
		out = append(out, converge.Change{ID: unitOf(v.node.Role), Have: u.Active, Want: "active"})
	}
	if u.File != "enabled" {
		out = append(out, converge.Change{ID: unitOf(v.node.Role) + " at boot", Have: orNone(u.File), Want: "enabled"})
	}
	if u.Reload {
		out = append(out, converge.Change{ID: unitOf(v.node.Role) + " in systemd", Have: "an older file", Want: "this one"})
	}
	if have != want {
		out = append(out, converge.Change{ID: "started", Have: startedWith(have, want), Want: "with " + want.Version + " and these files"})
	}
	return out, nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func startedWith(have, want marker) string {
	switch {
	case have.SHA256 == "":
		return "never"
	case have.Version == want.Version:
		return "with other files"
	}
	return "with " + orNone(have.Version)
}

// start starts K3s, or starts it anew if it runs with other files than these.
func start(ctx context.Context, h *hands) error {
	want, err := h.wantedMarker(ctx)
	if err != nil {
		return err
	}
	now, err := h.seen(ctx)
	if err != nil {
		return err
	}
	u, err := now.unit(unitOf(h.node.Role))
	if err != nil {
		return err
	}
	have, err := now.marker()
	if err != nil {
		return err
	}
	if u.Active == "active" || h.node.Role == inventory.Server {
		leave, err := h.takeTurn(ctx)
		if err != nil {
			return err
		}
		defer leave()
	}
	if err := h.launch(ctx, u, have != want); err != nil {
		return err
	}
	if err := h.waitActive(ctx, u, have != want); err != nil {
		return err
	}
	if have != want {
		if err := h.note(ctx, want); err != nil {
			return err
		}
	}
	return waitReady(ctx, h)
}

// takeTurn makes nodes that run go down one after the other.
func (h *hands) takeTurn(ctx context.Context) (leave func(), err error) {
	select {
	case h.turn <- struct{}{}:
		return func() { <-h.turn }, nil
	default:
	}
	converge.Waiting(ctx, "another node to be ready again", "")
	select {
	case h.turn <- struct{}{}:
		return func() { <-h.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// launch does not wait: systemctl would say nothing until K3s has joined.
func (h *hands) launch(ctx context.Context, u look.Unit, anew bool) error {
	for _, order := range orders(unitOf(h.node.Role), u, anew) {
		if err := h.run(ctx, append([]string{"systemctl"}, order...)...); err != nil {
			return err
		}
	}
	return nil
}

// orders are what systemd has to be told of a unit that does not run, or that
// is to be started anew.
func orders(name string, u look.Unit, anew bool) [][]string {
	crashes := u.Active != "active" && u.Restarts > 0
	var out [][]string
	if anew || u.Reload || u.Load != "loaded" {
		out = append(out, []string{"daemon-reload"})
	}
	if u.File != "enabled" {
		out = append(out, []string{"enable", name})
	}
	if anew && u.Restarts > 0 || crashes {
		// Else systemd goes on counting, and its crashes would be taken for those of this start.
		out = append(out, []string{"reset-failed", name})
	}
	if verb := startVerb(u, anew || crashes); verb != "" {
		out = append(out, []string{verb, "--no-block", name})
	}
	return out
}

func startVerb(u look.Unit, fresh bool) string {
	switch {
	case fresh:
		return "restart"
	case u.Active == "active", u.Active == "activating":
		return ""
	}
	return "start"
}

// startLimit is the time until K3s says that it runs. An agent unpacks its
// images before, and waits for its server.
const startLimit = 10 * time.Minute

// waitActive waits until K3s says that it runs - a server when its API is
// ready (k3s pkg/cli/server), an agent with its network (pkg/agent/run.go): another process than before,
// if it was to be started anew.
func (h *hands) waitActive(ctx context.Context, before look.Unit, anew bool) error {
	defer h.forget()
	name := unitOf(h.node.Role)
	return h.watch(ctx, name+" to run", startLimit, func(ctx context.Context) (progress, error) {
		now, err := h.ask(ctx, look.Request{Units: []string{name}})
		if err != nil {
			return progress{}, err
		}
		u, err := now.unit(name)
		old := anew && u.MainPID == before.MainPID && before.MainPID != 0
		return progress{ok: u.Active == "active" && !old, state: u.Active, ends: u.Active == "failed" || u.Restarts > 0}, err
	})
}
