package addons

import (
	"strings"

	"github.com/k3sedge/k3sedge/addons/certmanager"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// issued reports whether certificates come from cert-manager.
func issued(e inventory.Edge) bool {
	return certmanager.Wanted(inventory.Cluster{Edge: &e})
}

// signed reports whether Cloudflare's Origin CA signs them.
func signed(e inventory.Edge) bool {
	return e.Certificates != nil && e.Certificates.Issuer == inventory.IssuerOrigin
}

// shared reports whether there is one certificate for each zone.
func shared(e inventory.Edge) bool {
	return issued(e) && e.Certificates.Strategy == inventory.CertWildcard && e.Cloudflare != nil
}

// covered reports whether the certificate of a zone is for the host too: it
// is for the zone itself and for one label below it.
func covered(e inventory.Edge, host string) bool {
	if !shared(e) {
		return false
	}
	name := strings.TrimPrefix(host, "*.")
	zone := e.Cloudflare.Zone(name)
	if zone == "" || name == zone {
		return zone != ""
	}
	return name == host && !strings.Contains(strings.TrimSuffix(name, "."+zone), ".")
}

// zoneSecret is where the certificate of a zone is kept, and the Certificate's
// own name. Dots stay: a-b.org and a.b.org are two zones.
func zoneSecret(zone string) string { return zone + "-tls" }

// certificate asks for one.
func certificate(m object.Meta, c inventory.Certificates, names ...string) object.Certificate {
	return object.Certificate{Meta: m, Spec: object.CertificateSpec{
		SecretName: m.Name, DNSNames: names,
		PrivateKey:            object.PrivateKey{Algorithm: "ECDSA", Size: 256, RotationPolicy: "Always"},
		RenewBeforePercentage: c.RenewBeforePercentage, RevisionHistoryLimit: 2,
		IssuerRef: object.ClusterIssuerRef(certmanager.IssuerName(c)),
	}}
}

// certificates is that of the service, unless that of its zone is for it too,
// or the secret is somebody else's to fill.
func (w wanted) certificates() []object.Object {
	if w.Passthrough || !issued(w.edge) || covered(w.edge, w.Host) {
		return nil
	}
	return []object.Object{certificate(w.meta(certificateSecret(w.Name)), *w.edge.Certificates, w.Host)}
}

// zoneCertificates are those of all zones, and what has Traefik show them in
// every namespace, so that no secret is copied.
func zoneCertificates(e inventory.Edge) []object.Object {
	if !shared(e) {
		return nil
	}
	store := object.TLSStore{Meta: object.Meta{Name: defaultOptions, Namespace: SystemNamespace}}
	var out []object.Object
	for _, zone := range e.Cloudflare.Zones {
		m := object.Meta{Name: zoneSecret(zone), Namespace: SystemNamespace}
		out = append(out, certificate(m, *e.Certificates, zone, "*."+zone))
		store.Spec.Certificates = append(store.Spec.Certificates, object.StoredCertificate{SecretName: m.Name})
	}
	return append(out, store)
}
