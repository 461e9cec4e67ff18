package certmanager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// issuers is the step that makes the issuers, and waits for the account of
// the one that signs.
type issuers struct{ config Config }

// ID names the step in events.
func (issuers) ID() string { return "certmanager/issuers" }

// Check compares the objects, and asks whether the issuer that signs is ready.
func (s issuers) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	wants, err := s.config.objects(ctx)
	if err != nil {
		return nil, err
	}
	out, err := apply.Changes(ctx, r, wants)
	if err != nil {
		return nil, err
	}
	spare, err := s.spare(ctx, r)
	if err != nil {
		return nil, err
	}
	if spare != "" {
		out = append(out, converge.Change{ID: "ClusterIssuer/" + acme, Have: "applied", Want: "absent"})
	}
	if len(out) > 0 {
		return out, nil
	}
	is, err := lookAtIssuer(ctx, r, IssuerName(s.config.certificates()))
	if err != nil || is.ready {
		return nil, err
	}
	return []converge.Change{{ID: "ClusterIssuer/" + is.name, Have: is.String(), Want: "ready"}}, nil
}

// spare is the path of our issuer for another ACME server, if there is to be
// none any more.
func (s issuers) spare(ctx context.Context, r cluster.Reader) (string, error) {
	if s.config.certificates().Issuer == inventory.IssuerACME {
		return "", nil
	}
	path := object.ClusterIssuer{}.Kind().Path("", acme)
	live, err := apply.Look(ctx, r, path)
	if err != nil || !apply.Ours(live) {
		return "", err
	}
	return path, nil
}

// Apply writes what differs as soon as cert-manager judges it, and waits for
// the ACME server.
func (s issuers) Apply(ctx context.Context, api cluster.API) error {
	wants, err := s.config.objects(ctx)
	if err != nil {
		return err
	}
	if err := answers(ctx, api, wants[len(wants)-1]); err != nil {
		return err
	}
	if err := apply.All(ctx, api, wants); err != nil {
		return err
	}
	spare, err := s.spare(ctx, api)
	if err != nil {
		return err
	}
	if spare != "" {
		if err := api.Delete(ctx, spare); err != nil {
			return fmt.Errorf("delete the ClusterIssuer %s: %w", acme, err)
		}
	}
	return s.ready(ctx, api)
}

// answers waits until cert-manager's webhook does. Its pod is ready before the
// API server trusts it, and until then every issuer is refused.
func answers(ctx context.Context, api cluster.API, o object.Object) error {
	send, err := object.ToCluster(o)
	if err != nil {
		return err
	}
	wait := converge.Wait{
		What: "cert-manager to judge issuers", Every: 250 * time.Millisecond, Limit: 2 * time.Minute,
		Cause: "the API server does not reach cert-manager's webhook, or does not trust it yet",
	}
	err = wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		_, err := api.Preview(ctx, send)
		var status *cluster.StatusError
		if errors.As(err, &status) && status.Code >= http.StatusInternalServerError {
			return false, status.Message, nil
		}
		return err == nil, "", err
	})
	return machine.WithHint(err, "`kubectl -n cert-manager logs deploy/cert-manager-webhook` and `deploy/cert-manager-cainjector` show more")
}

// issuer is how an issuer stands.
type issuer struct {
	name, message string
	ready         bool
	generation    int64
}

// String is what cert-manager says.
func (i issuer) String() string {
	if i.message == "" {
		return "not looked at yet"
	}
	return i.message
}

func lookAtIssuer(ctx context.Context, r cluster.Reader, name string) (issuer, error) {
	doc, err := chart.Get[struct {
		Metadata struct{ Generation int64 }
		Status   struct{ Conditions []condition }
	}](ctx, r, object.ClusterIssuer{}.Kind().Path("", name))
	if err != nil {
		return issuer{}, fmt.Errorf("read the ClusterIssuer %s: %w", name, err)
	}
	out := issuer{name: name, generation: doc.Metadata.Generation}
	for _, c := range doc.Status.Conditions {
		if c.Type == "Ready" && c.current(doc.Metadata.Generation) {
			out.ready, out.message = c.Status == "True", c.Message
		}
	}
	return out, nil
}

// ready waits until the issuer has its account. What an earlier run was refused
// is asked for again, unless that makes it worse.
func (s issuers) ready(ctx context.Context, api cluster.API) error {
	name := IssuerName(s.config.certificates())
	wait := converge.Wait{
		What: "ClusterIssuer " + name + " to have its account", Every: 250 * time.Millisecond, Limit: 2 * time.Minute,
		Cause: "cert-manager asks the ACME server for one",
	}
	last, err := lookAtIssuer(ctx, api, name)
	if err != nil || last.ready {
		return err
	}
	if why, known := causeOf(last.message); known && !why.rest {
		o := object.ClusterIssuer{Meta: object.Meta{Name: name}}
		if err := say(ctx, api, o, condition{Type: "Ready", Status: "False", ObservedGeneration: last.generation}); err != nil {
			return err
		}
	}
	p := patience{}
	err = wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		is, err := lookAtIssuer(ctx, api, name)
		if err != nil || is.ready {
			return is.ready, "", err
		}
		last = is
		return false, is.String(), p.judge(is.message)
	})
	return explained(err, last.message)
}
