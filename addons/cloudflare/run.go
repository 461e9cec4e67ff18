package cloudflare

import (
	"context"
	"slices"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// Config is what is wanted at Cloudflare.
type Config struct {
	Cluster  inventory.Cluster
	Services []inventory.Service // all of the folder
	// Only names the one service that is worked on, or, where it is not among
	// Services, taken away. Empty means all.
	Only string
	// NoFolder says that there is no folder of services; nothing is taken away then.
	NoFolder bool
	// Adopt makes ours what is in the way.
	Adopt bool
	// Held is the ID of the tunnel whose token the cluster has, or "". It tells
	// our tunnel from another one by that name. It may be nil.
	Held func(context.Context) (string, error)
	// Warn is told what no step fails for. It may be nil.
	Warn func(text, hint string)
	// Secrets resolves edge.tunnel.credentials.
	Secrets func(context.Context, inventory.SecretRef) (inventory.Secret, error)
}

func (c Config) flare() inventory.Cloudflare {
	if c.Cluster.Edge == nil || c.Cluster.Edge.Cloudflare == nil {
		return inventory.Cloudflare{}
	}
	return *c.Cluster.Edge.Cloudflare
}

// off says that nothing at Cloudflare is ours to touch.
func (c Config) off() bool { return c.Cluster.Edge == nil || c.Cluster.Edge.Cloudflare == nil }

// local says that the tunnel's rules are kept in the cluster.
func (c Config) local() bool {
	return c.Cluster.Edge.Tunnel != nil && c.Cluster.Edge.Tunnel.Management == inventory.TunnelLocal
}

// remote says that a tunnel is made and its rules are kept at Cloudflare.
func (c Config) remote() bool { return c.Cluster.Edge.OverCloudflare() && !c.local() }

// forwarded says that the router forwards ports, so that Cloudflare comes to Traefik by itself.
func (c Config) forwarded() bool { return c.Cluster.Edge.Mode == inventory.EdgePortForward }

func (c Config) warn(text, hint string) {
	if c.Warn != nil {
		c.Warn(text, hint)
	}
}

// chosen are the services that are worked on.
func (c Config) chosen() []inventory.Service {
	if c.Only == "" {
		return c.Services
	}
	return slices.DeleteFunc(slices.Clone(c.Services), func(s inventory.Service) bool { return s.Name != c.Only })
}

// Run is the work of one run at Cloudflare. Its parts share what they have read.
type Run struct {
	view *view
	do   *hands // nil: it only looks
}

// Bind makes a run that looks and changes.
func Bind(c Config, api API) *Run {
	v := newView(c, api)
	return &Run{v, &hands{view: v, do: api}}
}

// Observe makes a run that has nothing to change anything with.
func Observe(c Config, r Reader) *Run { return &Run{view: newView(c, r)} }

// Tunnel is the stage in which the token is judged and the tunnel made. It
// comes before cloudflared.
func (r *Run) Tunnel() []converge.Stage {
	steps := []step{{"cloudflare/token", checkToken, nil}}
	switch {
	case r.view.cfg.off():
	case r.view.cfg.remote():
		steps = append(steps, step{"cloudflare/tunnel", checkTunnel, makeTunnel})
	case r.view.cfg.forwarded():
		steps = append(steps, step{"cloudflare/settings", checkSettings, nil})
	}
	return r.stage("cloudflare", steps)
}

// Withdraw is the stage that takes away what leads to a service that goes, or
// goes back to the LAN: first its records, then its rule. It comes before the
// services' objects go.
func (r *Run) Withdraw() []converge.Stage {
	steps := []step{{"withdraw/records", checkWithdrawn, withdrawRecords}}
	if !r.view.cfg.off() && r.view.cfg.remote() {
		steps = append(steps, step{"withdraw/rules", checkStaleRules, withdrawRules})
	}
	return r.stage("withdraw", steps)
}

// Publish is the stage that makes a service known: first its rule, then its
// records. It comes after the services' objects, and waits for no certificate.
func (r *Run) Publish() []converge.Stage {
	var steps []step
	if !r.view.cfg.off() && r.view.cfg.remote() {
		steps = append(steps, step{"publish/rules", checkRules, writeRules})
	}
	check := checkRecords
	if r.do != nil {
		check = checkPublishable
	}
	return r.stage("publish", append(steps, step{"publish/records", check, writeRecords}))
}

func (r *Run) stage(name string, steps []step) []converge.Stage {
	if r.view.cfg.off() {
		return nil
	}
	var all []converge.Step[*view, *hands]
	for _, s := range steps {
		all = append(all, s)
	}
	t := converge.Observe("", r.view, all...)
	if r.do != nil {
		t = converge.Bind("", r.view, r.do, all...)
	}
	return []converge.Stage{{Name: name, Joint: true, Tracks: []converge.Track{t}}}
}

// Connector is what cloudflared needs. While there is no tunnel it is empty;
// one that is somebody else's is an error.
func (r *Run) Connector(ctx context.Context) (Connector, error) {
	if !r.view.cfg.local() {
		if err := r.view.mayUse(ctx); err != nil {
			return Connector{}, again(err)
		}
	}
	k, err := r.view.connector(ctx)
	return k, again(err)
}

// hands write.
type hands struct {
	*view
	do API
}

// step is a check and, unless it only judges, what makes it hold.
type step struct {
	id    string
	check func(context.Context, *view) ([]converge.Change, error)
	apply func(context.Context, *hands) error
}

// ID returns the step's name.
func (s step) ID() string { return s.id }

// Check looks.
func (s step) Check(ctx context.Context, v *view) ([]converge.Change, error) {
	changes, err := s.check(ctx, v)
	return changes, again(err)
}

// Apply writes.
func (s step) Apply(ctx context.Context, h *hands) error {
	if s.apply == nil {
		return nil
	}
	return again(s.apply(ctx, h))
}
