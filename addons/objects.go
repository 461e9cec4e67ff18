package addons

import (
	"fmt"
	"net/netip"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// SystemNamespace holds the objects that all services refer to.
const SystemNamespace = "k3sedge-system"

// namespacePrefix and the name of a service make its namespace.
const namespacePrefix = "edge-"

// NamespaceOf is the namespace with the objects of a service.
func NamespaceOf(service string) string { return namespacePrefix + service }

// Secrets is what a service's file refers to and does not hold.
type Secrets struct {
	Users inventory.Secret // lines of htpasswd, if the service has basicAuth
	CA    []byte           // PEM, if it has tls.ca
	// Unknown says that Users were not asked for.
	Unknown bool
}

// wanted is what the objects of one service are made from.
type wanted struct {
	inventory.Service
	edge    inventory.Edge
	lan     netip.Prefix
	secrets Secrets
}

// Objects returns the objects of a service, in the order in which they are
// made: the namespace first, and the routes when all that they name is there.
func Objects(c inventory.Cluster, s inventory.Service, secrets Secrets) ([]object.Object, error) {
	w := wanted{Service: s, lan: c.Network.CIDR, secrets: secrets}
	if c.Edge != nil {
		w.edge = *c.Edge
	}
	if err := w.refuse(); err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	backends, err := w.slices()
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	routes := w.handedOver()
	if !s.Passthrough {
		if routes, err = w.routed(); err != nil {
			return nil, fmt.Errorf("service %s: %w", s.Name, err)
		}
	}
	out := []object.Object{object.Namespace{Meta: object.Meta{Name: NamespaceOf(s.Name), Labels: labelsOf(s.Name)}}}
	out = append(out, object.NetworkPolicy{Meta: w.meta(object.ClosedName), Spec: object.Closed()})
	out = append(out, w.transport()...)
	out = append(out, w.service())
	out = append(out, backends...)
	out = append(out, w.certificates()...)
	return append(out, routes...), nil
}

// tunnelled reports whether the service is reached through the tunnel too. A
// service that only the LAN may reach has no route on the tunnel's entrypoint
// at all, which nothing else can undo.
func (w wanted) tunnelled() bool {
	return w.Expose == inventory.ExposePublic && w.edge.Mode == inventory.EdgeTunnel
}

// forwarded reports whether requests come from the LAN and from Cloudflare by
// the same way.
func (w wanted) forwarded() bool {
	return w.Expose == inventory.ExposePublic && w.edge.Mode == inventory.EdgePortForward
}

func (w wanted) meta(name string) object.Meta {
	return object.Meta{Name: name, Namespace: NamespaceOf(w.Name), Labels: labelsOf(w.Name)}
}

func labelsOf(service string) map[string]string { return map[string]string{object.ForService: service} }
