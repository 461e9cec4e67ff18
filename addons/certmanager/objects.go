package certmanager

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const (
	name      = "cert-manager"
	namespace = "cert-manager"
	// tokenSecret is in cert-manager's own namespace, where ClusterIssuers look.
	tokenSecret, tokenKey = "cloudflare-api-token", "api-token"

	certificateCRD = "certificates.cert-manager.io"

	// The issuers by ACME. Both of Let's Encrypt are always there, so that a
	// change from the one to the other is a change of a name.
	staging, production, acme = "letsencrypt-staging", "letsencrypt-cloudflare", "acme-cloudflare"

	stagingDirectory    = "https://acme-staging-v02.api.letsencrypt.org/directory"
	productionDirectory = "https://acme-v02.api.letsencrypt.org/directory"
)

func ref() chart.Ref { return chart.Ref{Name: name, Namespace: namespace} }

// deployments are the controller and its two helpers.
func deployments() []string { return []string{name, name + "-webhook", name + "-cainjector"} }

// IssuerName is the ClusterIssuer that signs what the file asks for.
func IssuerName(c inventory.Certificates) string {
	switch c.Issuer {
	case inventory.IssuerStaging:
		return staging
	case inventory.IssuerACME:
		return acme
	}
	return production
}

// home is the namespace, in which pods have no rights, nor a token unless they
// have an account of their own, and what passes its network: the API server to
// the webhook, and out to where cert-manager asks.
func home(c inventory.Certificates) []object.Object {
	return []object.Object{
		object.Namespace{Meta: object.Meta{Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}},
		object.ServiceAccount{Meta: object.Meta{Name: "default", Namespace: namespace}}, // Kubernetes makes it, with a token for each pod
		object.NetworkPolicy{Meta: object.Meta{Name: object.ClosedName, Namespace: namespace}, Spec: object.NetworkPolicySpec{
			PodSelector: map[string]string{}, PolicyTypes: []string{"Ingress", "Egress"},
			Ingress: []object.PortRule{{Ports: []object.PolicyPort{{Port: 10250, Protocol: "TCP"}}}},
			Egress:  []object.PortRule{{Ports: ports(c)}},
		}},
	}
}

// ports are those of name servers, of the Kubernetes API before and behind its
// service address, and of the ACME server and Cloudflare.
func ports(c inventory.Certificates) []object.PolicyPort {
	names, web := []uint16{53}, []uint16{443, 6443}
	for _, server := range c.Nameservers {
		if a, err := netip.ParseAddrPort(server); err == nil {
			names = append(names, a.Port())
		}
	}
	if u, err := url.Parse(c.Directory); err == nil {
		if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
			web = append(web, uint16(port))
		}
	}
	slices.Sort(names)
	slices.Sort(web)
	var out []object.PolicyPort
	names = slices.Compact(names)
	for _, port := range names {
		out = append(out, object.PolicyPort{Port: port, Protocol: "UDP"}, object.PolicyPort{Port: port, Protocol: "TCP"})
	}
	for _, port := range slices.Compact(web) {
		if !slices.Contains(names, port) {
			out = append(out, object.PolicyPort{Port: port, Protocol: "TCP"})
		}
	}
	return out
}

// helmChart is what K3s installs. With failurePolicy abort a failed upgrade
// leaves what runs; by default it would be uninstalled.
func helmChart(tgz, values []byte) object.HelmChart {
	return object.HelmChart{
		Meta: object.Meta{Name: name, Namespace: chart.Home},
		Spec: object.HelmChartSpec{ChartContent: tgz, ValuesContent: string(values), TargetNamespace: namespace, FailurePolicy: "abort"},
	}
}

// objects are the token and the issuers that use it.
func (c Config) objects(ctx context.Context) ([]object.Object, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	certs := c.certificates()
	out := []object.Object{
		object.Secret{Meta: object.Meta{Name: tokenSecret, Namespace: namespace}, Type: "Opaque",
			Hidden: map[string]inventory.Secret{tokenKey: token}, From: map[string]string{tokenKey: c.tokenRef().Shown()}},
		c.issuer(staging, object.ACME{Server: stagingDirectory}),
		c.issuer(production, object.ACME{Server: productionDirectory}),
	}
	if certs.Issuer != inventory.IssuerACME {
		return out, nil
	}
	authority, err := bundle(certs.CA)
	if err != nil {
		return nil, err
	}
	return append(out, c.issuer(acme, object.ACME{Server: certs.Directory, CABundle: authority})), nil
}

func (c Config) issuer(name string, a object.ACME) object.ClusterIssuer {
	a.Email, a.PrivateKeySecretRef = c.certificates().Email, object.SecretKey{Name: name + "-account-key"}
	if name == IssuerName(c.certificates()) { // another one may not know it
		a.Profile = c.certificates().Profile
	}
	a.Solvers = []object.Solver{{
		Selector: object.SolverSelector{DNSZones: c.Cluster.Edge.Cloudflare.Zones},
		DNS01:    object.DNS01{Cloudflare: object.DNS01Cloudflare{APITokenSecretRef: object.SecretKey{Name: tokenSecret, Key: tokenKey}}},
	}}
	return object.ClusterIssuer{Meta: object.Meta{Name: name}, Spec: object.ClusterIssuerSpec{ACME: a}}
}

// tokenRef is where the token of cert-manager is kept.
func (c Config) tokenRef() inventory.SecretRef {
	if own := c.certificates().Token; own != nil {
		return *own
	}
	return c.Cluster.Edge.Cloudflare.Token
}

// token is that of cert-manager. A file of it ends with a newline, which
// Cloudflare would be told as part of it.
func (c Config) token(ctx context.Context) (inventory.Secret, error) {
	if c.unknown {
		return inventory.Secret{}, nil
	}
	key := "edge.cloudflare.token"
	if c.certificates().Token != nil {
		key = "edge.certificates.token"
	}
	secret, err := c.Secrets(ctx, c.tokenRef())
	if err != nil {
		return inventory.Secret{}, fmt.Errorf("%s: %w", key, err)
	}
	value := strings.TrimSpace(secret.Reveal())
	if value == "" || strings.ContainsAny(value, " \t\r\n") {
		return inventory.Secret{}, machine.WithHint(fmt.Errorf("%s: not a token: it is empty, or has white space in it", key),
			"make one at Cloudflare with Zone:Read and DNS:Edit for %s, and put it where %s leads to", strings.Join(c.Cluster.Edge.Cloudflare.Zones, ", "), key)
	}
	return inventory.NewSecret(value), nil
}

// bundle reads the file of edge.certificates.ca.
func bundle(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	const hint = "name a PEM file with the authority's certificates"
	data, err := os.ReadFile(strings.TrimPrefix(file, "file:"))
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("edge.certificates.ca: %w", err), hint)
	}
	if block, _ := pem.Decode(data); block == nil || block.Type != "CERTIFICATE" {
		return nil, machine.WithHint(fmt.Errorf("edge.certificates.ca: %s holds no certificate", file), hint)
	}
	return data, nil
}
