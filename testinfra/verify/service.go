package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/verify/probe"
)

// ourService is the one that is added with Site.Backend; its namespace and
// secret are named as k3sedge names those of every service (addons/ingress.go).
const (
	ourService       = "k3sedge-verify"
	serviceNamespace = "edge-" + ourService
	serviceSecret    = ourService + "-tls"
)

// promisedHeaders are those that the service is added with.
func promisedHeaders() map[string]string {
	return map[string]string{
		"Strict-Transport-Security": "max-age=86400", "X-Content-Type-Options": "nosniff",
		"Permissions-Policy": "camera=()", "Content-Security-Policy": "default-src 'self'",
	}
}

// pages are what every node is asked for, with what the answer has to show.
type wanted struct {
	page   probe.Page
	node   string
	header map[string]string
}

// wantedPages are those of all services, through every node, where one may
// have to be added first.
func (r *Run) wantedPages(ctx context.Context) ([]wanted, error) {
	if r.site.Backend != "" {
		if err := r.addService(ctx); err != nil {
			return nil, err
		}
	}
	if out := r.pages(); len(out) > 0 {
		return out, nil
	}
	return nil, leftOutError("there is no service to ask for (--backend HOST:PORT adds one for the moment)")
}

// pages are those of the services that are there: with Site.Backend ours alone.
func (r *Run) pages() []wanted {
	services := r.project.Services
	var header map[string]string
	if r.site.Backend != "" {
		services = nil
		if r.added {
			services, header = []inventory.Service{r.ours()}, promisedHeaders()
		}
	}
	var out []wanted
	for _, n := range r.cluster.Nodes {
		for _, s := range services {
			p := probe.Page{Node: netip.AddrPortFrom(n.Address, 443), Host: s.SomeHost(), Path: "/", Roots: r.site.Roots, Handshake: s.Passthrough, AnyChain: r.anyChain() || s.Passthrough}
			out = append(out, wanted{p, n.Name, header})
		}
	}
	return out
}

// ours is the service that is added.
func (r *Run) ours() inventory.Service {
	return inventory.Service{Name: ourService, Host: r.site.backendHost(r.cluster)}
}

// anyChain reports whether nobody here can know the certificates' issuer.
func (r *Run) anyChain() bool {
	public := r.cluster.Edge != nil && r.cluster.Edge.Certificates != nil && r.cluster.Edge.Certificates.Issuer == inventory.IssuerProduction
	return r.site.Roots == "" && !public
}

// addService adds the service once.
func (r *Run) addService(ctx context.Context) error {
	if r.added {
		return nil
	}
	r.added = true // also one that comes only half way is taken away
	if err := r.addCertified(ctx, r.ours()); err != nil {
		return err
	}
	r.forget()
	return nil
}

// addCertified has add-service wait for a certificate that somebody else brings.
func (r *Run) addCertified(ctx context.Context, s inventory.Service) error {
	within, stop := context.WithCancel(ctx)
	defer stop()
	var refused, uncertified error
	var both sync.WaitGroup
	both.Go(func() {
		_, refused = r.k3sedge(within, 0, "add-service", s.Name, "--host", s.Host, "--to", r.site.Backend,
			"--hsts", "24h", "--csp", "default-src 'self'", "--permissions-policy", "camera=()")
		if refused != nil {
			stop()
		}
	})
	if r.site.Certify != nil {
		both.Go(func() {
			roots, err := r.site.Certify(within, serviceNamespace, serviceSecret, s.Host)
			if err != nil && within.Err() == nil { // else it was stopped
				uncertified = err
				stop()
			}
			r.site.Roots = roots
		})
	}
	both.Wait()
	if uncertified != nil {
		return uncertified
	}
	if refused != nil {
		return brokenError{refused.Error()}
	}
	return nil
}

// serviceAnswers wants the nodes to be ready and every page to be shown.
func serviceAnswers(ctx context.Context, r *Run) error {
	o, err := r.k3sedge(ctx, -1, "status", "--output", "json")
	if err != nil {
		return err
	}
	if err := readyNodes(o, len(r.cluster.Nodes)); err != nil {
		return err
	}
	pages, err := r.wantedPages(ctx)
	if err != nil {
		return err
	}
	return r.show(ctx, pages)
}

// readyNodes reads what status says of the nodes.
func readyNodes(o output, want int) error {
	var document struct {
		Nodes []struct{ Name, K3s, Node, Traefik string }
	}
	if err := json.Unmarshal([]byte(o.stdout), &document); err != nil {
		return fmt.Errorf("status ended with %d: %s", o.code, tail(o.stderr+o.stdout))
	}
	if len(document.Nodes) != want || want == 0 {
		return fmt.Errorf("status tells of %d nodes, want %d", len(document.Nodes), want)
	}
	var f findings
	for _, n := range document.Nodes {
		if n.K3s != "active" || n.Node != "ready" || n.Traefik != "ready" {
			f.add("%s: K3s is %s, in the cluster %s, Traefik %s", n.Name, n.K3s, n.Node, n.Traefik)
		}
	}
	if len(f) == 0 && o.code != 0 {
		f.add("status ended with %d: %s", o.code, tail(o.stderr))
	}
	return f.err()
}

// show asks for pages and judges the answers.
func (r *Run) show(ctx context.Context, pages []wanted) error {
	var q probe.Request
	for _, p := range pages {
		q.Pages = append(q.Pages, p.page)
	}
	a, err := r.probeAt(ctx, r.site.Operator, "", q)
	if err != nil {
		return err
	}
	var f findings
	for i, shown := range a.Pages {
		pages[i].compare(shown, &f)
	}
	return f.err()
}

// awaitPages waits until all of them are shown.
func (r *Run) awaitPages(ctx context.Context, pages []wanted) error {
	var last error
	err := r.await(ctx, converge.Wait{What: "every node serves", Limit: 5 * time.Minute}, func() (bool, error) {
		last = r.show(ctx, pages)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

func (w wanted) compare(s probe.Shown, f *findings) {
	where := "https://" + w.page.Host + w.page.Path + " through " + w.node
	switch {
	case s.Error != "":
		f.add("%s: %s", where, s.Error)
	case w.page.Handshake:
	case s.Status == 404 || s.Status >= 500 || s.Status == 0:
		f.add("%s: status %d", where, s.Status)
	}
	for name, value := range w.header {
		if got := s.Header[name]; s.Error == "" && got != value {
			f.add("%s: %s is %q, want %q", where, name, got, value)
		}
	}
	slices.Sort(*f)
}

// oneKilled takes the power off the first node.
func oneKilled(ctx context.Context, r *Run) (err error) {
	victim := r.cluster.Nodes[0]
	before, err := r.mustOnNode(ctx, victim, "", readBoot)
	if err != nil {
		return err
	}
	pages, err := r.wantedPages(ctx)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(pages), func(w wanted) bool { return w.node == victim.Name })
	defer r.forget()
	r.say("take the power off %s", victim.Name)
	if err := r.site.Power.Off(ctx, victim.Name); err != nil {
		return fmt.Errorf("take the power off %s: %w", victim.Name, err)
	}
	var f findings
	if shut, err := r.shut(ctx, victim); err == nil && !shut {
		f.add("%s answers without power", victim.Name)
	}
	if err := r.show(ctx, others); err != nil {
		f.add("while %s is off: %v", victim.Name, err)
	}
	if err := r.site.Power.On(context.WithoutCancel(ctx), victim.Name); err != nil {
		return fmt.Errorf("switch %s on again: %w", victim.Name, err)
	}
	if err := r.awaitBoot(ctx, victim, before); err != nil {
		f.add("%v", err)
		return f.err()
	}
	if err := r.awaitCluster(ctx); err != nil {
		f.add("%v", err)
	}
	return f.err()
}
