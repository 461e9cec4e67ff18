package addons

import "github.com/k3sedge/k3sedge/addons/object"

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
