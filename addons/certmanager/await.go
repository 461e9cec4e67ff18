package certmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// awaitLimit is for a name that is seen late. After it is seen, cert-manager
// waits another minute before it tells the ACME server.
const awaitLimit = 10 * time.Minute

// watch is one certificate that is waited for.
type watch struct {
	certificate object.Certificate
	patience    patience
	looked      bool
	stale       string // the UID of a request of before, which says nothing about now
	text, words string
	stuck       error
}

// Await waits until all certificates are issued. What an earlier run has left
// to wait for its next attempt is begun anew. One that needs the user does not
// keep the others from being issued; each that is not is named with its cause.
func Await(ctx context.Context, api cluster.API, certificates []object.Certificate) error {
	open := make([]*watch, len(certificates))
	for i, c := range certificates {
		open[i] = &watch{certificate: c}
	}
	var stuck []error
	wait := converge.Wait{
		What: "certificates", Every: 500 * time.Millisecond, Limit: awaitLimit,
		Cause: "the ACME server wants to see a DNS record; cert-manager waits a minute after it sees it itself",
	}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		var left []*watch
		state := ""
		for _, w := range open {
			done, err := w.look(ctx, api)
			switch {
			case err != nil:
				return false, "", err
			case w.stuck != nil:
				stuck = append(stuck, w.stuck)
			case !done:
				left = append(left, w)
				if state == "" {
					state = w.name() + ": " + w.text
				}
			}
		}
		open = left
		if len(open) > 1 {
			state = fmt.Sprintf("%d to come; %s", len(open), state)
		}
		return len(open) == 0, state, nil
	})
	if late := new(converge.LateError); errors.As(err, &late) {
		for _, w := range open {
			stuck = append(stuck, explained(fmt.Errorf("certificate %s: %s: %w", w.name(), w.text, late), w.words))
		}
		err = nil
	}
	return errors.Join(append(stuck, err)...)
}

func (w *watch) name() string {
	m := object.MetaOf(w.certificate)
	return m.Namespace + "/" + m.Name
}

// look reports whether the certificate is issued, and keeps what it waits for.
func (w *watch) look(ctx context.Context, api cluster.API) (done bool, err error) {
	raw, err := api.Get(ctx, object.Path(w.certificate))
	if err != nil {
		return false, fmt.Errorf("read the Certificate %s: %w", w.name(), err)
	}
	c, err := ReadCertificate(raw)
	if err != nil || c.Ready {
		return c.Ready, err
	}
	p, err := Follow(ctx, api, c)
	if err != nil {
		return false, err
	}
	w.text, w.words = p.Text, p.Words
	if !w.looked {
		w.looked = true
		if begun, err := w.begin(ctx, api, c, p); begun || err != nil {
			w.text = "begun anew"
			return false, err
		}
	}
	w.judge(c, p)
	return false, nil
}

// judge finds what does not go on.
func (w *watch) judge(c Certificate, p Progress) {
	if p.request.Metadata.UID == w.stale && w.stale != "" {
		return
	}
	err := w.patience.judge(p.Words)
	if c.Failed != "" {
		err = fmt.Errorf("%w: %s", errStuck, p.Words)
	}
	if err != nil {
		w.stuck = explained(fmt.Errorf("certificate %s: %w", w.name(), err), p.Words)
	}
}

// begin starts anew what failed in an earlier run, or was stuck for a reason
// that may have been mended since: cert-manager itself tries again in an hour
// only. It does not where that makes things worse.
func (w *watch) begin(ctx context.Context, api cluster.API, c Certificate, p Progress) (bool, error) {
	why, known := causeOf(p.Words)
	request := p.request.Metadata
	switch {
	case known && why.rest:
		return false, nil
	case c.Failed != "":
		w.stale = request.UID
		return true, renew(ctx, api, c)
	case known && why.stop && request.UID != "":
		w.stale = request.UID
		path := requestKind().Path(c.Namespace, request.Name)
		if err := api.Delete(ctx, path); err != nil {
			return false, fmt.Errorf("begin the Certificate %s anew: %w", w.name(), err)
		}
		return true, nil
	}
	return false, nil
}

// renew asks cert-manager for an attempt now, as `cmctl renew` does.
func renew(ctx context.Context, api cluster.API, c Certificate) error {
	o := object.Certificate{Meta: object.Meta{Name: c.Name, Namespace: c.Namespace}}
	return say(ctx, api, o, condition{Type: "Issuing", Status: "True", ObservedGeneration: c.generation})
}

// say writes a condition of an object, at which cert-manager looks at it anew.
func say(ctx context.Context, api cluster.API, o object.Object, c condition) error {
	asked := map[string]any{
		"type": c.Type, "status": c.Status, "reason": "ManuallyTriggered", "message": triesAgain,
		"observedGeneration": c.ObservedGeneration, "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}
	m := object.MetaOf(o)
	body, err := json.Marshal(map[string]any{
		"apiVersion": o.Kind().APIVersion(), "kind": o.Kind().Name, "metadata": object.Meta{Name: m.Name, Namespace: m.Namespace},
		"status": map[string]any{"conditions": []any{asked}},
	})
	if err != nil {
		return fmt.Errorf("ask for %s anew: %w", object.Path(o), err)
	}
	if err := api.Apply(ctx, cluster.Object{Path: object.Path(o) + "/status", JSON: body}); err != nil {
		return fmt.Errorf("ask for %s anew: %w", object.Path(o), err)
	}
	return nil
}

const triesAgain = "k3sedge up tries again"

// Certificates are all that k3sedge has asked for, for somebody who wants to
// know how they stand. Without cert-manager there are none.
func Certificates(ctx context.Context, r cluster.Reader) ([]Certificate, error) {
	raw, err := r.Get(ctx, object.Certificate{}.Kind().List()+"?labelSelector="+object.ManagedBy+"%3D"+cluster.FieldManager)
	if cluster.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the certificates: %w", err)
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("read the list of certificates: %w", err)
	}
	var out []Certificate
	for _, item := range list.Items {
		c, err := ReadCertificate(item)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
