package addons

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

const (
	transportName = "backend"
	caKey         = "ca.crt" // where Traefik looks for an authority in a Secret
	dialTimeout   = "5s"     // Traefik's own is 30 s, which is what a visitor would wait for a server that is off

	annotations = "traefik.ingress.kubernetes.io/"
)

// group is the servers of one slice: of one family, on one port.
type group struct {
	addressType string
	port        uint16
	addresses   []string
}

// groups sorts the servers into slices, in the order of the file.
func (w wanted) groups() ([]group, error) {
	var out []group
	for _, to := range w.To {
		a, err := netip.ParseAddrPort(to)
		if err != nil || a.Port() == 0 {
			return nil, fmt.Errorf("read server %q: not address:port", to)
		}
		family := "IPv4"
		if a.Addr().Is6() {
			family = "IPv6"
		}
		out = addTo(out, group{family, a.Port(), []string{a.Addr().String()}})
	}
	return out, nil
}

func addTo(groups []group, g group) []group {
	for i, have := range groups {
		if have.addressType == g.addressType && have.port == g.port {
			groups[i].addresses = append(have.addresses, g.addresses...)
			return groups
		}
	}
	return append(groups, g)
}

// slices make the servers known. Traefik reads them itself and connects from
// the node's own address, through no proxy of the cluster.
func (w wanted) slices() ([]object.Object, error) {
	groups, err := w.groups()
	if err != nil {
		return nil, err
	}
	var out []object.Object
	for i, g := range groups {
		m := w.meta(fmt.Sprintf("%s-k3sedge-%d", w.Name, i+1))
		m.Labels["kubernetes.io/service-name"] = w.Name
		m.Labels["endpointslice.kubernetes.io/managed-by"] = "k3sedge"
		slice := object.EndpointSlice{Meta: m, AddressType: g.addressType, Ports: []object.EndpointPort{{Name: w.portName(), Port: g.port, Protocol: "TCP"}}}
		for _, a := range g.addresses {
			slice.Endpoints = append(slice.Endpoints, object.Endpoint{Addresses: []string{a}, Conditions: object.Conditions{Ready: true, Serving: true}})
		}
		out = append(out, slice)
	}
	return out, nil
}

// portName joins the Service with its slices: Traefik goes by the name, not by the number.
func (w wanted) portName() string {
	if w.Scheme == inventory.SchemeHTTPS {
		return "https"
	}
	return "http"
}

// service is headless: nobody inside the cluster is meant to come this way.
func (w wanted) service() object.Object {
	m := w.meta(w.Name)
	port := uint16(80)
	if groups, err := w.groups(); err == nil && len(groups) > 0 {
		port = groups[0].port
	}
	if w.opens() {
		m.Annotations = map[string]string{
			annotations + "service.serversscheme":    "https",
			annotations + "service.serverstransport": reference(NamespaceOf(w.Name), transportName),
		}
	} else if port == 443 && !w.Passthrough {
		port = 80 // Traefik speaks TLS to a Service's port 443, whatever the slices say
	}
	return object.Service{Meta: m, Spec: object.ServiceSpec{
		ClusterIP: "None",
		Ports:     []object.ServicePort{{Name: w.portName(), Port: port, Protocol: "TCP"}},
	}}
}

// opens reports whether Traefik itself speaks TLS with the servers.
func (w wanted) opens() bool { return w.Scheme == inventory.SchemeHTTPS && !w.Passthrough }

// transport says how the servers' certificates are judged.
func (w wanted) transport() []object.Object {
	if !w.opens() {
		return nil
	}
	spec := object.ServersTransportSpec{ServerName: serverName(w.Service), ForwardingTimeouts: object.ForwardingTimeouts{DialTimeout: dialTimeout}}
	spec.InsecureSkipVerify = w.TLS != nil && w.TLS.Insecure
	var out []object.Object
	if w.TLS != nil && w.TLS.CA != "" {
		secret := w.meta(w.Name + "-ca")
		out = append(out, object.Secret{Meta: secret, Type: "Opaque", Data: map[string][]byte{caKey: w.secrets.CA}})
		spec.RootCAs = []object.RootCA{{Secret: secret.Name}}
	}
	return append(out, object.ServersTransport{Meta: w.meta(transportName), Spec: spec})
}

// serverName is the name that the servers' certificates have to show. Without
// one Traefik would ask for the address, which is hardly ever in there.
func serverName(s inventory.Service) string {
	switch {
	case s.TLS != nil && s.TLS.ServerName != "":
		return s.TLS.ServerName
	case strings.HasPrefix(s.Host, "*."):
		return "" // no certificate can be asked for by a wildcard; see refuse
	}
	return s.Host
}

// reference is how annotations name an object of Traefik's in a namespace.
func reference(namespace, name string) string { return namespace + "-" + name + "@kubernetescrd" }
