package certmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// gone is the step of an edge whose certificates do not come from cert-manager
// any more. The kinds of objects stay, with all certificates, and so does the
// namespace with the keys of the ACME accounts: who comes back needs no new ones.
type gone struct{}

// ID names the step in events.
func (gone) ID() string { return "certmanager/gone" }

// leftPaths are where our objects may still be: the issuers and the token
// first, so that nothing is asked for while the rest goes.
func leftPaths() []string {
	var out []string
	for _, issuer := range []string{staging, production, acme} {
		out = append(out, object.ClusterIssuer{}.Kind().Path("", issuer))
	}
	return append(out, object.Secret{}.Kind().Path(namespace, tokenSecret), ref().Path())
}

// Check names what is left of ours; where the namespace was never ours, nothing
// is. While somebody else's certificates are renewed by it, all of it is to stay.
func (gone) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	home, err := apply.Look(ctx, r, object.Namespace{}.Kind().Path("", namespace))
	if err != nil || !apply.Ours(home) {
		return nil, err
	}
	left, err := apply.Leftovers(ctx, r, leftPaths())
	if err != nil || len(left) == 0 {
		return nil, err
	}
	used, err := usedByOthers(ctx, r)
	if err != nil || used {
		return nil, err
	}
	return left, nil
}

// usedByOthers reports whether there are Certificates that we have not asked for.
func usedByOthers(ctx context.Context, r cluster.Reader) (bool, error) {
	raw, err := r.Get(ctx, object.Certificate{}.Kind().List())
	if cluster.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list the certificates: %w", err)
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(raw, &list); err != nil {
		return false, fmt.Errorf("read the list of certificates: %w", err)
	}
	return slices.ContainsFunc(list.Items, func(item json.RawMessage) bool { return !apply.Ours(item) }), nil
}

// Apply deletes what is ours once nothing is under way any more, and waits
// until Helm has uninstalled the chart.
func (gone) Apply(ctx context.Context, api cluster.API) error {
	if err := quiet(ctx, api); err != nil {
		return err
	}
	if err := apply.Remove(ctx, api, leftPaths()); err != nil {
		return err
	}
	wait := converge.Wait{What: "cert-manager to be uninstalled", Every: 200 * time.Millisecond, Limit: 3 * time.Minute, Cause: "Helm takes its objects away"}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		live, err := apply.Look(ctx, api, ref().Path())
		return err == nil && live == nil, "", err
	})
	return machine.WithHint(err, "`kubectl -n kube-system logs job/helm-delete-cert-manager` shows what Helm did")
}

// quiet waits until no certificate is being asked for. A Challenge holds on
// until the controller has taken its TXT record back, with issuer and token;
// without the controller, it and its namespace would never be gone.
func quiet(ctx context.Context, r cluster.Reader) error {
	wait := converge.Wait{What: "cert-manager to take back what it has begun", Every: 200 * time.Millisecond, Limit: 2 * time.Minute,
		Cause: "it takes the TXT record of each Challenge away at Cloudflare"}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		open, err := underWay(ctx, r)
		if err != nil || len(open) == 0 {
			return err == nil, "", err
		}
		state := open[0]
		if more := len(open) - 1; more > 0 {
			state += fmt.Sprintf(" and %d more", more)
		}
		return false, state, nil
	})
	return machine.WithHint(err, "`kubectl -n %s logs deploy/%s` says what keeps it; where it does not run, `kubectl patch challenge -n NAMESPACE NAME --type=merge -p '{\"metadata\":{\"finalizers\":null}}'` lets go of one, whose TXT record _acme-challenge then stays at Cloudflare", namespace, name)
}

// underWay are the Challenges, and the Orders that may still make some.
func underWay(ctx context.Context, r cluster.Reader) ([]string, error) {
	var out []string
	for _, kind := range []object.Kind{orderKind(), challengeKind()} {
		all, err := links(ctx, r, kind, "")
		if err != nil && !cluster.NotFound(err) {
			return nil, err
		}
		for _, l := range all {
			if kind.Name != orderKind().Name || !l.final() {
				out = append(out, kind.Name+" "+l.Metadata.Namespace+"/"+l.Metadata.Name)
			}
		}
	}
	return out, nil
}
