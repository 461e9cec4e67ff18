package addons

import (
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// certified is the cluster of the tests with certificates by ACME.
func certified(changes ...func(*inventory.Certificates)) inventory.Cluster {
	c := testCluster(inventory.EdgeTunnel)
	certs := inventory.Certificates{Issuer: inventory.IssuerStaging, Strategy: inventory.CertPerHost, RenewBeforePercentage: 33, Nameservers: []string{"1.1.1.1:53"}}
	for _, change := range changes {
		change(&certs)
	}
	c.Edge.Cloudflare = &inventory.Cloudflare{Token: "env:CF", Zones: []string{"example.org", "lab.example.org"}}
	c.Edge.Certificates = &certs
	return c
}

func byZone(c *inventory.Certificates) { c.Strategy = inventory.CertWildcard }

func byOrigin(c *inventory.Certificates) { c.Issuer = inventory.IssuerOrigin }

func at(host string) func(*inventory.Service) {
	return func(s *inventory.Service) { s.Host = host }
}

func TestGoldenCertificates(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		cluster inventory.Cluster
		service inventory.Service
	}{
		"cert-host":          {certified(), testService(public)},
		"cert-wildcard-host": {certified(), testService(at("*.git.example.org"))},
		"cert-zone":          {certified(byZone), testService(public)},
		"cert-zone-deep":     {certified(byZone), testService(at("a.git.example.org"))},
	} {
		objects, err := Objects(v.cluster, v.service, Secrets{})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, objects)
	}
	system, err := SystemObjects(certified(byZone))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "system-zones", system)
}

// TestWhoAsksForACertificate: only who has none otherwise.
func TestWhoAsksForACertificate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cluster inventory.Cluster
		service inventory.Service
		asks    bool
		secret  bool // the Ingress names one
	}{
		"by host":             {certified(), testService(), true, true},
		"nobody":              {testCluster(inventory.EdgeTunnel), testService(), false, true},
		"origin":              {certified(byOrigin), testService(), false, true},
		"origin, by zone":     {certified(byOrigin, byZone), testService(), false, true},
		"passed through":      {certified(), testService(passthrough), false, false},
		"by zone":             {certified(byZone), testService(), false, false},
		"the zone itself":     {certified(byZone), testService(at("example.org")), false, false},
		"a wildcard, by zone": {certified(byZone), testService(at("*.example.org")), false, false},
		"a deep one":          {certified(byZone), testService(at("a.b.example.org")), true, true},
		"a deep wildcard":     {certified(byZone), testService(at("*.b.example.org")), true, true},
		"in the longer zone":  {certified(byZone), testService(at("a.lab.example.org")), false, false},
		"a zone in a zone":    {certified(byZone), testService(at("lab.example.org")), false, false},
		"in no zone":          {certified(byZone), testService(at("git.example.net")), true, true},
	} {
		objects, err := Objects(tc.cluster, tc.service, Secrets{})
		if err != nil {
			t.Fatal(err)
		}
		asks, secret := false, false
		for _, o := range objects {
			switch o := o.(type) {
			case object.Certificate:
				asks = o.Spec.SecretName == "git-tls" && o.Spec.DNSNames[0] == tc.service.Host && o.Spec.IssuerRef.Kind == "ClusterIssuer"
			case object.Ingress:
				secret = secret || len(o.Spec.TLS) == 1 && o.Spec.TLS[0].SecretName == "git-tls"
			}
		}
		if asks != tc.asks || secret != tc.secret {
			t.Errorf("%s: asks %v, the Ingress names a secret %v", name, asks, secret)
		}
	}
}

// TestIssuerChangesInPlace: from staging to production is one name, so that
// the secret is filled again and never missing.
func TestIssuerChangesInPlace(t *testing.T) {
	t.Parallel()
	k := certKube(t)
	c := testConfig(testService())
	c.Cluster = certified()
	mustRun(t, c, k)
	before := len(k.Writes())
	c.Cluster = certified(func(c *inventory.Certificates) { c.Issuer = inventory.IssuerProduction })
	result, text, err := run(t, c, k)
	if err != nil || result.Changed != 1 || !strings.Contains(text, "git/Certificate/git-tls differs in spec.issuerRef.name") {
		t.Errorf("%+v, %v\n%s", result, err, text)
	}
	if writes := k.Writes()[before:]; len(writes) != 1 || writes[0].Method != "PATCH" {
		t.Errorf("wrote %v", writes)
	}
}
