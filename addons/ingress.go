package addons

import (
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
)

// The entrypoints of Traefik that routes stand on.
const (
	entryLAN    = "websecure"
	entryTunnel = "tunnel"

	ingressClass  = "traefik"
	tlsOptionName = "tls"
	// defaultOptions is the one that Traefik takes for hosts that nobody has,
	// and the one name of a TLSStore that it follows.
	defaultOptions = "default"
)

// ingress is the route of the LAN and, where the router forwards ports, of the internet.
func (w wanted) ingress(middlewares []string) object.Object {
	i := w.route(w.Name, entryLAN, middlewares)
	i.Annotations[annotations+"router.tls"] = "true"
	i.Annotations[annotations+"router.tls.options"] = reference(SystemNamespace, tlsOptionName)
	if covered(w.edge, w.Host) {
		return i // the certificate of the zone is found by the host's name
	}
	i.Spec.TLS = []object.IngressTLS{{Hosts: []string{w.Host}, SecretName: certificateSecret(w.Name)}}
	return i
}

// certificateSecret is where the certificate of a service is kept.
func certificateSecret(service string) string { return service + "-tls" }

// tunnelIngress is the route of the tunnel, which is plain HTTP on loopback.
func (w wanted) tunnelIngress(middlewares []string) object.Object {
	return w.route(w.Name+"-tunnel", entryTunnel, middlewares)
}

func (w wanted) route(name, entry string, middlewares []string) object.Ingress {
	m := w.meta(name)
	m.Annotations = map[string]string{annotations + "router.entrypoints": entry}
	if len(middlewares) > 0 {
		m.Annotations[annotations+"router.middlewares"] = strings.Join(middlewares, ",")
	}
	if strings.HasPrefix(w.Host, "*.") {
		// Traefik takes the longer rule first, and that of a wildcard, a
		// regular expression, is longer than those of the hosts under it.
		m.Annotations[annotations+"router.priority"] = "1"
	}
	return object.Ingress{Meta: m, Spec: object.IngressSpec{
		IngressClassName: ingressClass,
		Rules: []object.IngressRule{{Host: w.Host, HTTP: object.IngressHTTP{Paths: []object.IngressPath{{
			Path: "/", PathType: "Prefix",
			Backend: object.IngressBackend{Service: object.IngressService{Name: w.Name, Port: object.IngressPort{Name: w.portName()}}},
		}}}}},
	}}
}

// tlsOption is TLS 1.2 with forward secrecy and authenticated encryption, or
// TLS 1.3. A client that asks for a host without a certificate is turned away
// instead of being shown Traefik's own.
func tlsOption() object.TLSOptionSpec {
	return object.TLSOptionSpec{
		MinVersion: "VersionTLS12",
		CipherSuites: []string{
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
			"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
			"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
		},
		SNIStrict: true,
	}
}
