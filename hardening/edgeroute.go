package hardening

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func isInternal(service string) bool { return strings.HasSuffix(service, "@internal") }

func checkHeaders(f *facts.Facts, p Policy) Verdict {
	here, wrong := present(f, p), lostMiddlewares(f.Cluster.Edge)
	if len(here) == 0 && len(wrong) == 0 {
		return noService(p) // the answers of other people's routes are not looked at
	}
	var unseen []string
	for _, s := range here {
		for _, judge := range []func(*facts.Facts, EdgeService) (bool, string){redirected, headed} {
			switch seen, why := judge(f, s); {
			case !seen:
				unseen = append(unseen, s.Ask+": "+why)
			case why != "":
				wrong = append(wrong, s.Ask+": "+why)
			}
		}
	}
	have := fmt.Sprintf("%s; the middlewares of %d routes are there", looked(p, here), len(routesOf(f.Cluster.Edge)))
	if quiet := slices.DeleteFunc(here, func(s EdgeService) bool { return !unanswered(f.Wire[dialTLS(s.Ask)]) }); len(quiet) > 0 {
		have += fmt.Sprintf("; of %d, such as %s, the middlewares were judged, because the node gets no answer of theirs", len(quiet), quiet[0].Ask)
	}
	return settle(wrong, unseen, have,
		"http is redirected to https, HSTS and nosniff are sent, every middleware that is named is there")
}

// lostMiddlewares are those that a route names and nobody has made: Traefik
// answers 404 for all of the route.
func lostMiddlewares(e facts.Edge) []string {
	there := map[string]bool{}
	for _, m := range e.Middlewares {
		there[reference(m.Namespace, m.Name)] = true
	}
	var out []string
	for _, r := range routesOf(e) {
		for _, id := range r.Middlewares {
			_, provider, named := strings.Cut(id, "@")
			ours := !named || "@"+provider == crdProvider
			if ours && !there[id] {
				out = append(out, fmt.Sprintf("%s names the middleware %q, which is not there", nameOf(r), id))
			}
		}
	}
	return out
}

// redirected says how the service's port 80 fails to send its clients to https,
// or "". Not seen is what could not be asked.
func redirected(f *facts.Facts, s EdgeService) (seen bool, wrong string) {
	a, ok := f.Wire[dialHTTP(s.Ask)]
	if !ok {
		return false, dialHTTP(s.Ask) + ": the agent did not try it"
	}
	if a.Outcome != look.Answered {
		return false, "http: " + words(a)
	}
	to, err := url.Parse(a.Header["Location"])
	if a.Status >= 300 && a.Status < 400 && err == nil && to.Scheme == "https" && strings.EqualFold(to.Hostname(), s.Ask) {
		return true, ""
	}
	return true, fmt.Sprintf("http answers %d %s", a.Status, a.Header["Location"])
}

// headed says which headers the service's answers lack, or "".
func headed(f *facts.Facts, s EdgeService) (seen bool, wrong string) {
	a, ok := f.Wire[dialTLS(s.Ask)]
	if !ok {
		return false, dialTLS(s.Ask) + ": the agent did not try it"
	}
	if unanswered(a) {
		return true, unset(f, s)
	}
	if a.Outcome != look.Answered {
		return false, "https: " + words(a)
	}
	var out []string
	if !strings.EqualFold(a.Header["X-Content-Type-Options"], "nosniff") {
		out = append(out, fmt.Sprintf("X-Content-Type-Options is %q", a.Header["X-Content-Type-Options"]))
	}
	if age := maxAge(a.Header["Strict-Transport-Security"]); age < s.HSTS {
		out = append(out, fmt.Sprintf("Strict-Transport-Security is %q, wanted max-age=%d", a.Header["Strict-Transport-Security"], int64(s.HSTS.Seconds())))
	}
	if len(out) > 0 {
		out = append(out, fmt.Sprintf("with status %d", a.Status))
	}
	return true, strings.Join(out, ", ")
}

// unanswered reports whether the service's own answer did not come, though its
// route stands: one whose middleware is broken answers 404 at once.
func unanswered(a look.DialAnswer) bool {
	// These are given before the headers are set: the limit's, and the list of
	// clients', on which the node need not be.
	const forbidden, tooMany = 403, 429
	_, nosniff := a.Header["X-Content-Type-Options"]
	slow := a.Outcome == look.TimedOut && a.TLS != ""
	return slow || a.Outcome == look.Answered && (a.Status == forbidden || a.Status == tooMany) && !nosniff
}

// unset judges by the middlewares of a route whose answers the node does not get.
func unset(f *facts.Facts, s EdgeService) string {
	r := routeTo(f, s)
	for _, m := range f.Cluster.Edge.Middlewares {
		if slices.Contains(r.Middlewares, reference(m.Namespace, m.Name)) && m.Nosniff && time.Duration(m.HSTS)*time.Second >= s.HSTS {
			return ""
		}
	}
	return "the node gets no answer of the service, and no middleware of its route sets HSTS and nosniff"
}

// maxAge reads the header, 0 where it says nothing that a browser would heed.
func maxAge(header string) time.Duration {
	for part := range strings.SplitSeq(header, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(strings.TrimSpace(key), "max-age") {
			continue
		}
		seconds, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(value), `"`), 10, 64)
		const most = int64(100 * 365 * 24 * time.Hour / time.Second)
		if err != nil || seconds < 0 {
			return 0
		}
		return time.Duration(min(seconds, most)) * time.Second
	}
	return 0
}

func checkInside(f *facts.Facts, p Policy) Verdict {
	args, blind := traefikArgsHere(f, p)
	if blind != nil {
		return *blind
	}
	var wrong []string
	for _, provider := range []string{"kubernetescrd", "kubernetesingress"} {
		for _, what := range []string{"allowCrossNamespace", "allowExternalNameServices"} {
			if key := "providers." + provider + "." + what; args.on(key) {
				wrong = append(wrong, "--"+key+"=true")
			}
		}
	}
	behind := slicesBehind(f.Cluster.Edge)
	if len(behind) == 0 && len(wrong) == 0 {
		return noService(p)
	}
	servers := 0
	var unseen []string
	for _, s := range behind {
		for _, address := range s.Addresses {
			servers++
			at := fmt.Sprintf("EndpointSlice %s/%s: %s is ", s.Namespace, s.Name, address)
			if a, err := netip.ParseAddr(address); err != nil {
				unseen = append(unseen, at+"a name, which leads wherever Traefik's DNS says")
			} else if why := innerAddress(a, p); why != "" {
				wrong = append(wrong, at+why)
			}
		}
		wrong = append(wrong, strangers(s, p)...)
	}
	return settle(wrong, unseen, fmt.Sprintf("%d servers in %d slices, all elsewhere", servers, len(behind)),
		"no route to loopback, link-local, a node, a pod or a service's address, and none to a server that no file names")
}

// slicesBehind are the slices that somebody has written and that routes lead
// to. Those that Kubernetes makes of pods are not among them.
func slicesBehind(e facts.Edge) []facts.EndpointSlice {
	routed := map[string]bool{}
	for _, r := range slices.Concat(routesOf(e), e.IngressRouteTCPs) {
		for _, s := range r.Services {
			routed[s] = true
		}
	}
	var out []facts.EndpointSlice
	for _, s := range e.Slices {
		ofPods := s.ManagedBy == "endpointslice-controller.k8s.io"
		if !ofPods && (s.Of != "" || routed[s.Namespace+"/"+s.Service] || routed[s.Namespace+"/*"]) {
			out = append(out, s)
		}
	}
	return out
}

// innerAddress says what an address is that no route may lead to, or "".
func innerAddress(a netip.Addr, p Policy) string {
	a = a.Unmap()
	switch {
	case a.IsLoopback() || a.IsUnspecified():
		return "the node itself"
	case a.IsLinkLocalUnicast():
		return "link-local"
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "nobody's alone"
	case a == p.Address || a == p.Address6 || p.isPeer(a):
		return "a node's"
	case inside(a, p.Cluster.Pods.PodCIDR, p.Cluster.Pods.PodCIDR6):
		return "a pod's"
	case inside(a, p.Cluster.Pods.ServiceCIDR, p.Cluster.Pods.ServiceCIDR6):
		return "a service's"
	}
	return ""
}

// strangers are servers of a slice of ours that the service's file does not name.
func strangers(s facts.EndpointSlice, p Policy) []string {
	if s.Of == "" {
		return nil
	}
	i := slices.IndexFunc(p.Cluster.Edge.Services, func(e EdgeService) bool { return e.Name == s.Of })
	if i < 0 {
		return []string{fmt.Sprintf("EndpointSlice %s/%s is of the service %s, which has no file", s.Namespace, s.Name, s.Of)}
	}
	var out []string
	for _, address := range s.Addresses {
		for _, port := range s.Ports {
			if at := net.JoinHostPort(address, strconv.Itoa(port)); !slices.Contains(p.Cluster.Edge.Services[i].To, at) {
				out = append(out, fmt.Sprintf("EndpointSlice %s/%s leads to %s, which the file of the service %s does not name", s.Namespace, s.Name, at, s.Of))
			}
		}
	}
	return out
}
