package certmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// Progress is how far a certificate is.
type Progress struct {
	// Text is the chain as far as it goes, for somebody who waits.
	Text string
	// Words are those of whoever refuses, or "".
	Words string

	request link
}

// link is one object of the chain.
type link struct {
	Metadata struct {
		Namespace       string
		Name, UID       string
		Annotations     map[string]string
		OwnerReferences []struct{ Kind, Name string }
	}
	Spec struct {
		DNSName  string
		Wildcard bool
	}
	Status struct {
		State, Reason string
		Presented     bool
		Conditions    []condition
	}
}

// of reports whether the link belongs to the one of that kind and name.
func (l link) of(kind, name string) bool {
	for _, o := range l.Metadata.OwnerReferences {
		if o.Kind == kind && o.Name == name {
			return true
		}
	}
	return false
}

// final reports whether an Order has come to its end, whatever that was.
func (l link) final() bool {
	return slices.Contains([]string{"valid", "invalid", "expired", "errored"}, l.Status.State)
}

func requestKind() object.Kind {
	return object.Kind{Group: "cert-manager.io", Version: "v1", Name: "CertificateRequest", Plural: "certificaterequests"}
}

func orderKind() object.Kind {
	return object.Kind{Group: "acme.cert-manager.io", Version: "v1", Name: "Order", Plural: "orders"}
}

func challengeKind() object.Kind {
	return object.Kind{Group: "acme.cert-manager.io", Version: "v1", Name: "Challenge", Plural: "challenges"}
}

// Follow reads the chain from the certificate to its challenges.
func Follow(ctx context.Context, r cluster.Reader, c Certificate) (Progress, error) {
	out := Progress{Text: c.Message, Words: c.Failed}
	requests, err := links(ctx, r, requestKind(), c.Namespace)
	if err != nil {
		return Progress{}, err
	}
	request, ok := newest(requests, c.Name)
	if !ok {
		return out, nil
	}
	out.request = request
	out.tell("request", request.ready(), request.ready())
	orders, err := links(ctx, r, orderKind(), c.Namespace)
	if err != nil {
		return Progress{}, err
	}
	for _, o := range orders {
		if !o.of(requestKind().Name, request.Metadata.Name) {
			continue
		}
		out.tell("order "+o.Status.State, o.Status.Reason, o.Status.Reason)
		if err := out.challenges(ctx, r, c.Namespace, o.Metadata.Name); err != nil {
			return Progress{}, err
		}
	}
	return out, nil
}

func (p *Progress) challenges(ctx context.Context, r cluster.Reader, namespace, order string) error {
	all, err := links(ctx, r, challengeKind(), namespace)
	if err != nil {
		return err
	}
	for _, ch := range all {
		if !ch.of(orderKind().Name, order) {
			continue
		}
		host, shown := ch.Spec.DNSName, "not presented"
		if ch.Spec.Wildcard {
			host = "*." + host
		}
		if ch.Status.Presented {
			shown = "presented"
		}
		p.tell(strings.TrimSpace(fmt.Sprintf("challenge for %s %s", host, ch.Status.State))+", "+shown, ch.Status.Reason, ch.Status.Reason)
	}
	return nil
}

// tell adds a link; the words of the last one that has any are kept.
func (p *Progress) tell(what, said, words string) {
	if p.Text != "" {
		p.Text += " → "
	}
	p.Text += strings.TrimSuffix(what+": "+strings.Join(strings.Fields(said), " "), ": ")
	if words != "" {
		p.Words = words
	}
}

// ready is what the request says of itself, unless it is issued.
func (l link) ready() string {
	for _, c := range l.Status.Conditions {
		if c.Type == "Ready" && c.Status != "True" {
			return c.Message
		}
	}
	return ""
}

// links lists what is of one namespace, or, without, of all.
func links(ctx context.Context, r cluster.Reader, k object.Kind, namespace string) ([]link, error) {
	raw, err := r.Get(ctx, k.ListIn(namespace))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", k.ListIn(namespace), err)
	}
	var list struct{ Items []link }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("read the list %s: %w", k.ListIn(namespace), err)
	}
	return list.Items, nil
}

// newest is the last request of the certificate.
func newest(requests []link, certificate string) (link, bool) {
	best, at := link{}, -1
	for _, r := range requests {
		a := r.Metadata.Annotations
		revision, err := strconv.Atoi(a["cert-manager.io/certificate-revision"])
		if err == nil && a["cert-manager.io/certificate-name"] == certificate && revision > at {
			best, at = r, revision
		}
	}
	return best, at >= 0
}
