package addons

import (
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// Caution is what of a service works otherwise than it looks in this cluster, or "".
func Caution(c inventory.Cluster, s inventory.Service) string {
	if !s.Passthrough || c.Edge == nil || !covered(*c.Edge, s.Host) {
		return ""
	}
	// HTTP/2 lets a browser use one connection for all names of a certificate.
	return "passthrough: the certificate of the zone is for " + s.Host + " too, so that browsers may ask for it on a connection to another service, " +
		"where the edge answers 404; edge.certificates.strategy: per-host keeps them apart"
}

// handedOver are the objects by which connections are handed to the servers
// unopened: a route that goes by the name in the client's first message, and
// who may come. Nothing of HTTP is among them, and no certificate: the edge
// sees neither.
func (w wanted) handedOver() []object.Object {
	var out []object.Object
	route := object.RouteTCP{Match: "HostSNI(`" + w.Host + "`)", Services: []object.ServiceTCP{{Name: w.Name, Port: w.portName()}}}
	if ranges := w.allowed(); len(ranges) > 0 {
		out = append(out, object.MiddlewareTCP{Meta: w.meta(allowName), Spec: object.MiddlewareTCPSpec{IPAllowList: object.IPAllowList{SourceRange: ranges}}})
		route.Middlewares = []object.MiddlewareRef{{Name: allowName}}
	}
	return append(out, object.IngressRouteTCP{Meta: w.meta(w.Name), Spec: object.IngressRouteTCPSpec{
		EntryPoints: []string{entryLAN}, Routes: []object.RouteTCP{route}, TLS: object.RouteTLS{Passthrough: true},
	}})
}

// routed are the objects by which requests are led to the servers.
func (w wanted) routed() ([]object.Object, error) {
	middlewares, err := w.middlewares()
	if err != nil {
		return nil, err
	}
	out := append(middlewares.objects, w.ingress(middlewares.lan))
	if w.tunnelled() {
		out = append(out, w.tunnelIngress(middlewares.tunnel))
	}
	return out, nil
}
