package inventory

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDefaultsOfTheEdge(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.replace("k3s:", `k3s:
edge:
  mode: tunnel
  cloudflare: {token: file:keys/cf, zones: [example.org, lan.example.org]}
  certificates: {}`)
	e := f.mustLoad().Cluster.Edge
	if c := e.Certificates; c.Issuer != IssuerProduction || c.Strategy != CertPerHost || c.RenewBeforePercentage != 33 || len(c.Nameservers) != 2 {
		t.Errorf("certificates are %+v", c)
	}
	if e.Tunnel == nil || *e.Tunnel != (Tunnel{Name: "k3sedge-home", Management: TunnelRemote}) || !e.OverCloudflare() {
		t.Errorf("the tunnel is %+v", e.Tunnel)
	}
	if want := SecretRef("file:" + filepath.Join(f.path, "keys/cf")); e.Cloudflare.Token != want {
		t.Errorf("the token is %s, want %s", e.Cloudflare.Token, want)
	}
	for host, want := range map[string]string{
		"example.org": "example.org", "git.example.org": "example.org", "a.lan.example.org": "lan.example.org",
		"notexample.org": "", "org": "",
	} {
		if got := e.Cloudflare.Zone(host); got != want {
			t.Errorf("%s lies in %q, want %q", host, got, want)
		}
	}
	for _, none := range []*Edge{nil, {Mode: EdgeTunnel}, {Mode: EdgeLAN, Cloudflare: &Cloudflare{}}} {
		if none.OverCloudflare() {
			t.Errorf("%+v has a tunnel", none)
		}
	}
}

func TestPathsOfTheEdge(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.write("ca.pem", certificate(t), 0o644)
	f.replace("k3s:", `k3s:
edge:
  mode: tunnel
  cloudflare: {token: env:T, zones: [example.org]}
  certificates: {issuer: acme, directory: 'https://ca.lan/dir', ca: file:ca.pem, token: file:cm, email: a@example.org, nameservers: ['10.0.0.1:53']}
  tunnel: {management: local, credentials: file:t.json}`)
	e := f.mustLoad().Cluster.Edge
	got := []string{e.Certificates.CA, string(*e.Certificates.Token), string(*e.Tunnel.Credentials)}
	for i, want := range []string{"ca.pem", "cm", "t.json"} {
		if got[i] != "file:"+filepath.Join(f.path, want) {
			t.Errorf("%s, want it in the folder as %s", got[i], want)
		}
	}
}

func TestValidateEdge(t *testing.T) {
	t.Parallel()
	const flare = "cloudflare: {token: env:T, zones: [example.org]}"
	at := func(name, lines string, want ...string) edit {
		var out []string
		for _, w := range want {
			out = append(out, "k3sedge.yaml:17: edge."+w)
		}
		return edit{name, []string{"k3s:", "k3s:\nedge: {" + lines + "}"}, out}
	}
	for _, e := range []edit{
		at("good", "mode: tunnel, "+flare+", certificates: {}, tunnel: {name: home}"),
		at("empty", "cloudflare: {}", "cloudflare.token: is missing", "cloudflare.zones: is missing"),
		at("token written down", "cloudflare: {token: abc, zones: [example.org]}", "cloudflare.token: not a reference to a secret; a secret itself must not stand in this file"),
		at("zones", "cloudflare: {token: env:T, zones: ['*.example.org', example.org, example.org, com]}",
			"cloudflare.zones[0]: a wildcard, not a zone", "cloudflare.zones[2]: the same as edge.cloudflare.zones[1]", "cloudflare.zones[3]: has no domain"),
		at("account", "cloudflare: {token: env:T, zones: [example.org], account: me}", "cloudflare.account: not the ID of an account"),
		at("certificates alone", "certificates: {}", "certificates: needs edge.cloudflare, where names are proven"),
		at("words", flare+", certificates: {issuer: prod, strategy: all}", "certificates.issuer: not one of production, staging, acme, origin", "certificates.strategy: not one of per-host, wildcard"),
		at("origin", "mode: tunnel, "+flare+", certificates: {issuer: origin}", "certificates.issuer: origin needs edge.mode portforward: only Cloudflare trusts such a certificate"),
		at("public addresses", "mode: portforward, "+flare+", publicAddresses: [203.0.113.7, '2001:db8::7', 10.0.0.1, 203.0.113.7, 'fe80::1']",
			"publicAddresses[2]: not an address on the internet", "publicAddresses[3]: the same as edge.publicAddresses[0]", "publicAddresses[4]: not an address on the internet"),
		at("public addresses of a tunnel", "mode: tunnel, publicAddresses: [203.0.113.7]", "publicAddresses: needs edge.mode: portforward", "publicAddresses: needs edge.cloudflare, where records are made"),
		at("origin where it belongs", "mode: portforward, "+flare+", certificates: {issuer: origin}"),
		at("directory", flare+", certificates: {directory: 'https://ca.lan', ca: file:keys/admin.pub}", "certificates.ca: needs issuer: acme", "certificates.directory: needs issuer: acme"),
		at("profile", flare+", certificates: {profile: shortlived}"),
		at("no profile", flare+", certificates: {profile: 'a b'}", "certificates.profile: not a profile of an ACME server"),
		at("no directory", flare+", certificates: {issuer: acme}", "certificates.directory: is missing"),
		at("plain directory", flare+", certificates: {issuer: acme, directory: 'http://ca.lan'}", "certificates.directory: not an https:// address"),
		at("no CA", flare+", certificates: {issuer: acme, directory: 'https://ca.lan', ca: file:keys/admin.pub}", "certificates.ca: keys/admin.pub holds no certificate"),
		at("CA without file:", flare+", certificates: {issuer: acme, directory: 'https://ca.lan', ca: ca.pem}", "certificates.ca: not file:PATH"),
		at("figures", flare+", certificates: {email: me, nameservers: [one, '127.0.0.1:53'], renewBeforePercentage: 3, token: x}",
			"certificates.email: not an address", "certificates.nameservers[0]: not address:port", "certificates.nameservers[1]: not address:port",
			"certificates.renewBeforePercentage: not between 5 and 90", "certificates.token: not a reference to a secret; a secret itself must not stand in this file"),
		at("tunnel elsewhere", flare+", tunnel: {}", "tunnel: needs edge.mode: tunnel"),
		at("tunnel alone", "mode: tunnel, tunnel: {name: a.b, management: here}", "tunnel: needs edge.cloudflare", "tunnel.management: not one of remote, local", "tunnel.name: not a name for a tunnel"),
		at("no credentials", "mode: tunnel, "+flare+", tunnel: {management: local}", "tunnel.credentials: is missing"),
		at("credentials for nothing", "mode: tunnel, "+flare+", tunnel: {credentials: env:C}", "tunnel.credentials: needs management: local"),
	} {
		e.run(t, "existing.yaml")
	}
}

// What Cloudflare can do for a service, and what passthrough leaves of it.
func TestValidateReach(t *testing.T) {
	t.Parallel()
	const own = "host: git.example.org"
	for _, e := range []struct {
		name, old, new string
		want           []string
	}{
		{"inside", own, own + "\nexpose: public", nil},
		{"apex", own, "host: example.org\nexpose: public", nil},
		{"outside", own, "host: git.example.net", []string{"4: host: outside of edge.cloudflare.zones: neither a certificate nor a record can be had for it"}},
		{"deep", own, "host: a.b.example.org\nexpose: public", []string{"4: host: more than one label below example.org: Cloudflare has no certificate for it, so that browsers refuse it"}},
		{"deep in the LAN", own, "host: a.b.example.org", nil},
		{"bought", own, "host: a.b.bought.test\nexpose: public", nil},
		{"wildcard", own, "host: '*.example.org'\nexpose: public", []string{"4: host: a wildcard that is public: no wildcard record is ever made, because it would publish every name"}},
		{"wildcard in the LAN", own, "host: '*.example.org'", nil},
		{"passthrough", own, own + "\npassthrough: true", nil},
		{"passthrough in the way", own, "host: '*.example.org'\npassthrough: true\nexpose: public\nscheme: http\nheaders: {hsts: 24h}\nrateLimit: off\npreset: web\ntls: {insecure: true}", []string{
			"4: host: a wildcard that is public: no wildcard record is ever made, because it would publish every name",
			"4: host: a wildcard contradicts passthrough, which goes by one name",
			"6: expose: public contradicts passthrough: Cloudflare ends TLS itself",
			"7: scheme: contradicts passthrough, for which the servers speak TLS themselves",
			"8: headers: contradicts passthrough, with which the edge does not look into requests",
			"9: rateLimit: contradicts passthrough, with which the edge does not look into requests",
			"10: preset: contradicts passthrough, with which the edge does not look into requests",
			"11: tls: needs scheme: https",
			"11: tls: contradicts passthrough, with which the edge does not look into requests",
		}},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, "existing.yaml")
			zones := "cloudflare: {token: env:T, zones: [example.org]}"
			if e.name == "bought" {
				zones = "cloudflare: {token: env:T, zones: [bought.test], advancedCertificates: true}"
			}
			f.replace("k3s:", "k3s:\nedge: {mode: tunnel, "+zones+"}")
			f.write("services/git.yaml", strings.Replace(testdata(t, "service.yaml"), e.old, e.new, 1), 0o644)
			var want []string
			for _, w := range e.want {
				want = append(want, "services/git.yaml:"+w)
			}
			f.expect(want...)
		})
	}
}
