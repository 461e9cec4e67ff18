package hardening

import (
	"fmt"
	"maps"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func edgeControls() []Control {
	return append(traefikControls(), routeControls()...)
}

const whenK3s = "nodes of a cluster"

// edgeControl is one of the cluster's; Traefik's pods are always looked at.
func edgeControl(c Control, needs ...Part) Control {
	c.Needs = append([]Part{PartCluster, PartPods}, needs...)
	c.Applies, c.When = onCluster, whenK3s
	return c
}

func traefikControls() []Control {
	return []Control{
		edgeControl(Control{
			ID: "EDG-01", Title: "Traefik's pod is confined", Severity: High,
			Why:    "it is the one process that strangers talk with, and it is on the node's own network",
			Want:   "not root, no capability but NET_BIND_SERVICE, a read-only root file system, no new privileges, seccomp RuntimeDefault, nothing of the host but its network",
			Refs:   []string{"kube-bench 5.2.x", "kube-bench 5.7.3", "Kubernetes, Pod Security Standards: restricted"},
			Advice: "`k3sedge up` sets the values of Traefik's chart anew; see who else changes HelmChartConfig kube-system/traefik",
			Check:  checkConfined,
		}),
		edgeControl(Control{
			ID: "EDG-02", Title: "Traefik's dashboard, API and metrics are not open", Severity: Critical,
			Why:    "they show every route, server and middleware, and the tunnel's entrypoint believes whoever reaches it",
			Want:   "8080, 8444, 9000, 9100 and 9101 closed on the node's address, no api.insecure, and no route from clients to what Traefik serves itself",
			Refs:   []string{"Traefik docs, API & Dashboard: security", "Traefik docs, Metrics"},
			Advice: "`k3sedge up` puts Traefik's own ports on loopback; another program on one of them (node_exporter on 9100) is to listen on 127.0.0.1",
			Check:  checkInnerPorts,
		}, PartIngressRoutes, PartWire),
		edgeControl(Control{
			ID: "EDG-03", Title: "Forwarded headers are believed from the edge only", Severity: High,
			Why:      "a client that may name its own address walks past every limit and every list of addresses",
			Want:     "trustedIPs are Cloudflare's networks in mode portforward and nobody otherwise; insecure never. Judged by Traefik's arguments: what a server gets to see cannot be seen from here",
			Refs:     []string{"Traefik docs, EntryPoints: Forwarded Headers", "Cloudflare, IP ranges"},
			Conflict: "guides for Cloudflare trust its networks in every mode; through the tunnel they never are the peer, and trusting them only lets others pass for them",
			Advice:   "`k3sedge up` sets the list by edge.mode; `k3sedge cloudflare-ranges` gets Cloudflare's networks anew",
			Check:    checkForwarded,
		}),
		edgeControl(Control{
			ID: "EDG-04", Title: "TLS 1.2 at least, and no host without its certificate", Severity: High,
			Why:    "an old version or suite can be forced on a client, and a certificate of nobody teaches people to click warnings away",
			Want:   "no TLS below 1.2, no suite without forward secrecy and authenticated encryption, and a handshake for a host without a certificate is refused",
			Refs:   []string{"RFC 9325", "Mozilla, Server Side TLS: intermediate", "Traefik docs, TLS: strict SNI checking"},
			Advice: "`k3sedge up` sets the TLS options; a route of your own may name none, or k3sedge-system-tls@kubernetescrd",
			Check:  checkTLS,
		}, PartIngresses, PartIngressRoutes, PartTLSOptions, PartWire),
	}
}

func routeControls() []Control {
	return []Control{
		edgeControl(Control{
			ID: "EDG-05", Title: "Redirects, HSTS and headers are live on every route", Severity: Medium,
			Why:    "a header in a file protects nobody, and one middleware that is missing makes its route a 404",
			Want:   "http is redirected to https, answers carry Strict-Transport-Security as the service's file says and X-Content-Type-Options: nosniff, and every middleware that a route names is there",
			Refs:   []string{"OWASP, HTTP Security Response Headers", "Traefik docs, Kubernetes Ingress: annotations"},
			Advice: "`k3sedge up` brings the middlewares of its services; a route of your own has to name one that is there",
			Check:  checkHeaders,
		}, PartIngresses, PartIngressRoutes, PartMiddlewares, PartWire),
		edgeControl(Control{
			ID: "EDG-06", Title: "Certificates are healthy", Severity: High,
			Why:    "with HSTS an ended certificate is an outage that nobody can click away",
			Want:   "each service shows a certificate of its own, for its host, that lasts for 21 days more, or a quarter of a short life",
			Refs:   []string{"cert-manager docs, Certificate: renewal", "RFC 6125"},
			Advice: "`kubectl describe certificate -A` says what keeps cert-manager from issuing it; without cert-manager the certificate is yours to bring, as the Secret that the Ingress names",
			Check:  checkCertificates,
		}, PartSystem, PartIngresses, PartIngressRoutes, PartCertificates, PartWire),
		edgeControl(Control{
			ID: "EDG-07", Title: "Routes cannot reach inside", Severity: High,
			Why:    "a route to a node, a pod or loopback puts on the web what no firewall rule lets out",
			Want:   "servers are those of the services' files; none is loopback, link-local, a node, a pod or a service's address; no route may cross namespaces or name a host",
			Refs:   []string{"Kubernetes docs, Services without selectors", "Traefik docs, Kubernetes CRD: allowCrossNamespace, allowExternalNameServices"},
			Advice: "take the slice away, or correct the address in the service's file and run `k3sedge up`",
			Check:  checkInside,
		}, PartIngresses, PartIngressRoutes, PartIngressRouteTCPs, PartSlices),
		edgeControl(Control{
			ID: "EDG-08", Title: "Servers cannot be reached past the edge", Severity: Medium, Strict: true,
			Why:    "whoever asks the server itself meets no limit, no list of clients and no password of the edge",
			Want:   "servers answer the nodes and nobody else, as far as it can be seen from the machine that k3sedge runs on",
			Refs:   []string{"Cloudflare docs, Protect your origin server", "OWASP, Reverse proxy bypass"},
			Advice: "let the server's own firewall admit the nodes' addresses only, or waive it where the LAN may come directly",
			Check:  checkBypass,
		}, PartIngresses, PartBypass, PartWire),
		edgeControl(Control{
			ID: "EDG-09", Title: "The tunnel's credential is kept, and its pods are confined and two", Severity: High,
			Why:    "whoever has the tunnel's token can take its traffic, and one connector alone is an outage at every restart",
			Want:   "cloudflared in a namespace that enforces the restricted standard, or alone in one and on the nodes' own network; two pods at least, its token from a Secret and neither in its arguments nor in its environment as text",
			Refs:   []string{"kube-bench 5.4.1", "Cloudflare docs, Tunnel: availability and failover"},
			Advice: "put the token into a Secret that the pod mounts, label the namespace pod-security.kubernetes.io/enforce=restricted, and run two replicas",
			Check:  checkTunnel,
		}, PartNamespaces),
	}
}

// settle fails with what is wrong, and is unknown where something could not be seen.
func settle(wrong, unseen []string, have, want string) Verdict {
	switch {
	case len(wrong) > 0:
		return Verdict{Status: Fail, Evidence: append(wrong, unseen...), Have: wrong[0], Want: want}
	case len(unseen) > 0:
		return Verdict{Status: Unknown, Evidence: unseen, Want: want}
	}
	return Verdict{Status: Pass, Evidence: []string{have}, Have: have, Want: want}
}

// words are what came of a dial.
func words(a look.DialAnswer) string {
	if a.Err == "" {
		return string(a.Outcome)
	}
	return string(a.Outcome) + ": " + a.Err
}

func nameOf(r facts.Route) string { return r.Kind + " " + r.Namespace + "/" + r.Name }

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// routesOf are all objects by which Traefik sends HTTP somewhere.
func routesOf(e facts.Edge) []facts.Route {
	out := slices.DeleteFunc(slices.Clone(e.Ingresses), func(r facts.Route) bool { return r.Kind == otherController })
	for _, r := range e.IngressRoutes {
		if !slices.ContainsFunc(r.Services, isInternal) {
			out = append(out, r)
		}
	}
	return out
}

// present are the services that this node asks for and that are in the cluster.
func present(f *facts.Facts, p Policy) []EdgeService {
	return slices.DeleteFunc(slices.Clone(p.asked()), func(s EdgeService) bool { return routeTo(f, s) == nil })
}

// routeTo is the route by which the LAN reaches a service.
func routeTo(f *facts.Facts, s EdgeService) *facts.Route {
	for i, r := range f.Cluster.Edge.Ingresses {
		if r.Kind != otherController && slices.Contains(r.Hosts, s.Host) && (len(r.Entries) == 0 || slices.Contains(r.Entries, entrySecure)) {
			return &f.Cluster.Edge.Ingresses[i]
		}
	}
	return nil
}

// noService is the verdict where nothing is behind the edge yet.
func noService(p Policy) Verdict {
	why := "no service yet: nothing is behind the edge"
	if n := len(p.opened()); n > 0 {
		why = fmt.Sprintf("no service yet: `k3sedge up` brings the %d of the folder", n)
	}
	return Verdict{Status: NotApplicable, Evidence: []string{why}}
}

// looked says how many of the services the verdict is about.
func looked(p Policy, here []EdgeService) string {
	all := len(p.opened())
	if len(here) == all {
		return fmt.Sprintf("%d services looked at", all)
	}
	return fmt.Sprintf("%d of %d services looked at from this node", len(here), all)
}
