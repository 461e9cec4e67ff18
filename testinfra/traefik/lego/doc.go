// Package dns takes the place of lego's folder of DNS providers where the
// lab's Traefik is built: a hundred and eighty companies' clients, a third of
// all packages that Traefik needs, for certificates that Traefik would fetch
// by itself. k3sedge has cert-manager do that and never sets such a resolver.
// Whoever does is told what is missing.
//
// It may import lego only.
package dns
