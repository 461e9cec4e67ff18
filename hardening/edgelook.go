package hardening

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// The parts of the facts that are of the ways in.
const (
	PartIngresses        Part = "cluster ingresses"
	PartIngressRoutes    Part = "cluster ingressRoutes"
	PartIngressRouteTCPs Part = "cluster ingressRouteTCPs"
	PartMiddlewares      Part = "cluster middlewares"
	PartTLSOptions       Part = "cluster tlsOptions"
	PartSlices           Part = "cluster slices"
	PartCertificates     Part = "cluster certificates"
)

// edgeSeen says which of these parts are there.
func edgeSeen(e facts.Edge) map[Part]bool {
	return map[Part]bool{
		PartIngresses: e.Ingresses != nil, PartIngressRoutes: e.IngressRoutes != nil, PartIngressRouteTCPs: e.IngressRouteTCPs != nil,
		PartMiddlewares: e.Middlewares != nil, PartTLSOptions: e.TLSOptions != nil, PartSlices: e.Slices != nil, PartCertificates: e.Certificates != nil, PartBypass: e.Bypass != nil,
	}
}

// edgeLists are the lists that are asked for. A cluster has Traefik's kinds
// when Traefik is there, and cert-manager's when that is.
func edgeLists() []question {
	const crd = "/apis/traefik.io/v1alpha1/"
	return []question{
		optional(listOf(PartIngresses, "/apis/networking.k8s.io/v1/ingresses", func(c *facts.Cluster) *[]facts.Route { return &c.Edge.Ingresses }, toIngress)),
		optional(listOf(PartIngressRoutes, crd+"ingressroutes", func(c *facts.Cluster) *[]facts.Route { return &c.Edge.IngressRoutes }, toIngressRoute)),
		optional(listOf(PartIngressRouteTCPs, crd+"ingressroutetcps", func(c *facts.Cluster) *[]facts.Route { return &c.Edge.IngressRouteTCPs }, toIngressRouteTCP)),
		optional(listOf(PartMiddlewares, crd+"middlewares", func(c *facts.Cluster) *[]facts.Middleware { return &c.Edge.Middlewares }, toMiddleware)),
		optional(listOf(PartTLSOptions, crd+"tlsoptions", func(c *facts.Cluster) *[]facts.TLSOption { return &c.Edge.TLSOptions }, toTLSOption)),
		listOf(PartSlices, "/apis/discovery.k8s.io/v1/endpointslices", func(c *facts.Cluster) *[]facts.EndpointSlice { return &c.Edge.Slices }, toSlice),
		optional(listOf(PartCertificates, "/apis/cert-manager.io/v1/certificates", func(c *facts.Cluster) *[]facts.Certificate { return &c.Edge.Certificates }, toCertificate)),
	}
}

// optional reads a kind that the cluster does not have as an empty list.
func optional(q question) question {
	keep := q.keep
	q.keep = func(c *facts.Cluster, answer []byte, err error) error {
		if cluster.NotFound(err) {
			answer, err = []byte(`{"items":[]}`), nil
		}
		return keep(c, answer, err)
	}
	return q
}

const (
	routerAnnotation = "traefik.ingress.kubernetes.io/router."
	crdProvider      = "@kubernetescrd"
	ofService        = "k3sedge.dev/service"
)

type ingressItem struct {
	described
	Spec struct {
		IngressClassName string
		TLS              []struct{ SecretName string }
		DefaultBackend   *ingressBackend
		Rules            []struct {
			Host string
			HTTP struct {
				Paths []struct{ Backend ingressBackend }
			}
		}
	}
}

type ingressBackend struct{ Service struct{ Name string } }

// toIngress keeps Traefik's. Another controller's has nothing to judge here.
func toIngress(i ingressItem) facts.Route {
	m := i.Metadata
	if !ofTraefik(i) {
		return facts.Route{Kind: otherController, Namespace: m.Namespace, Name: m.Name}
	}
	r := facts.Route{
		Kind: "Ingress", Namespace: m.Namespace, Name: m.Name, Options: m.Annotations[routerAnnotation+"tls.options"],
		Entries: commas(m.Annotations[routerAnnotation+"entrypoints"]), Middlewares: commas(m.Annotations[routerAnnotation+"middlewares"]),
		TLS: len(i.Spec.TLS) > 0 || m.Annotations[routerAnnotation+"tls"] == "true",
	}
	if b := i.Spec.DefaultBackend; b != nil {
		r.Services = append(r.Services, m.Namespace+"/"+b.Service.Name)
	}
	for _, rule := range i.Spec.Rules {
		if rule.Host != "" {
			r.Hosts = append(r.Hosts, strings.ToLower(rule.Host))
		}
		for _, path := range rule.HTTP.Paths {
			r.Services = append(r.Services, m.Namespace+"/"+path.Backend.Service.Name)
		}
	}
	return r
}

// otherController is the kind of an Ingress that Traefik does not follow.
const otherController = "Ingress of another controller"

func ofTraefik(i ingressItem) bool {
	class := i.Metadata.Annotations["kubernetes.io/ingress.class"]
	if class == "" {
		class = i.Spec.IngressClassName
	}
	return class == "" || class == "traefik"
}

// commas are the parts of an annotation's list. An empty one between two commas
// is kept: Traefik takes it for the name of something.
func commas(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(list, ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

// reference is how Traefik names an object of its own kinds.
func reference(namespace, name string) string {
	return strings.ReplaceAll(namespace+"-"+name, ".", "-") + crdProvider
}

type traefikName struct{ Name, Namespace, Kind string }

// in is the reference from an object of namespace.
func (n traefikName) in(namespace string) string {
	if strings.Contains(n.Name, "@") {
		return n.Name
	}
	if n.Namespace != "" {
		namespace = n.Namespace
	}
	return reference(namespace, n.Name)
}

type routeItem struct {
	described
	Spec struct {
		EntryPoints []string
		Routes      []struct{ Services, Middlewares []traefikName }
		TLS         *struct {
			Passthrough bool
			Options     traefikName
		}
	}
}

func toIngressRoute(i routeItem) facts.Route { return i.route("IngressRoute") }

func toIngressRouteTCP(i routeItem) facts.Route { return i.route("IngressRouteTCP") }

func (i routeItem) route(kind string) facts.Route {
	m := i.Metadata
	r := facts.Route{Kind: kind, Namespace: m.Namespace, Name: m.Name, Entries: i.Spec.EntryPoints}
	if t := i.Spec.TLS; t != nil {
		r.TLS, r.Passthrough = true, t.Passthrough
		if t.Options.Name != "" {
			r.Options = t.Options.in(m.Namespace)
		}
	}
	for _, rule := range i.Spec.Routes {
		for _, s := range rule.Services {
			switch {
			case strings.HasSuffix(s.Name, "@internal"):
				r.Services = append(r.Services, s.Name)
			case s.Kind == "TraefikService":
				r.Services = append(r.Services, cmp.Or(s.Namespace, m.Namespace)+"/*")
			default:
				r.Services = append(r.Services, cmp.Or(s.Namespace, m.Namespace)+"/"+s.Name)
			}
		}
		for _, middleware := range rule.Middlewares {
			// TCP has middlewares of another kind, with names of their own.
			if id := middleware.in(m.Namespace); kind == "IngressRoute" && !slices.Contains(r.Middlewares, id) {
				r.Middlewares = append(r.Middlewares, id)
			}
		}
	}
	return r
}

type middlewareItem struct {
	described
	Spec struct {
		Headers struct {
			STSSeconds         int64
			ContentTypeNosniff bool
		}
	}
}

func toMiddleware(i middlewareItem) facts.Middleware {
	return facts.Middleware{Namespace: i.Metadata.Namespace, Name: i.Metadata.Name, HSTS: i.Spec.Headers.STSSeconds, Nosniff: i.Spec.Headers.ContentTypeNosniff}
}

type tlsOptionItem struct {
	described
	Spec struct {
		MinVersion   string
		CipherSuites []string
		SNIStrict    bool
	}
}

func toTLSOption(i tlsOptionItem) facts.TLSOption {
	return facts.TLSOption{Namespace: i.Metadata.Namespace, Name: i.Metadata.Name, MinVersion: i.Spec.MinVersion, Suites: i.Spec.CipherSuites, SNIStrict: i.Spec.SNIStrict}
}

type sliceItem struct {
	described
	Endpoints []struct{ Addresses []string }
	Ports     []struct{ Port int }
}

func toSlice(i sliceItem) facts.EndpointSlice {
	m := i.Metadata
	s := facts.EndpointSlice{
		Namespace: m.Namespace, Name: m.Name, Service: m.Labels["kubernetes.io/service-name"],
		ManagedBy: m.Labels["endpointslice.kubernetes.io/managed-by"], Of: m.Labels[ofService],
	}
	for _, e := range i.Endpoints {
		s.Addresses = append(s.Addresses, e.Addresses...)
	}
	for _, p := range i.Ports {
		s.Ports = append(s.Ports, p.Port)
	}
	return s
}

type certificateItem struct {
	described
	Spec   struct{ DNSNames []string }
	Status struct {
		Conditions          []struct{ Type, Status, Reason, Message string }
		NotBefore, NotAfter string
	}
}

func toCertificate(i certificateItem) facts.Certificate {
	c := facts.Certificate{
		Namespace: i.Metadata.Namespace, Name: i.Metadata.Name, Hosts: i.Spec.DNSNames,
		NotBefore: i.Status.NotBefore, NotAfter: i.Status.NotAfter, Reason: "nothing is said of it yet",
	}
	for _, condition := range i.Status.Conditions {
		if condition.Type == "Ready" {
			c.Ready, c.Reason = condition.Status == "True", fmt.Sprintf("%s: %s", condition.Reason, condition.Message)
		}
	}
	return c
}
