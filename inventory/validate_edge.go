package inventory

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// accountForm is that of Cloudflare's IDs.
var accountForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

func validateEdge(c Cluster, f *findings) {
	e := *c.Edge
	f.checkWord("edge.mode", string(e.Mode), string(EdgeLAN), string(EdgePortForward), string(EdgeTunnel))
	validateRate(f, "edge.rateLimit", e.RateLimit)
	validateRate(f, "edge.tunnelRateLimit", e.TunnelRateLimit)
	for i, p := range e.AllowFrom {
		validateSource(f, indexPath("edge.allowFrom", i), p)
	}
	validatePublicAddresses(e, f)
	if e.Cloudflare != nil {
		validateCloudflare(*e.Cloudflare, f)
	}
	if e.Certificates != nil {
		validateCertificates(e, f)
	}
	if e.Tunnel != nil {
		validateTunnel(e, f)
	}
}

func validatePublicAddresses(e Edge, f *findings) {
	const at = "edge.publicAddresses"
	if len(e.PublicAddresses) == 0 {
		return
	}
	f.check(e.Mode == EdgePortForward, at, "needs edge.mode: portforward", "write mode: portforward, or take publicAddresses out")
	f.check(e.Cloudflare != nil, at, "needs edge.cloudflare, where records are made", "write edge.cloudflare with token and zones, or take publicAddresses out")
	seen := unique{}
	for i, a := range e.PublicAddresses {
		path := indexPath(at, i)
		if f.check(isUnicast(a) && !a.IsPrivate() && !a.IsLinkLocalUnicast(), path, "not an address on the internet", "write the one that the router has outside, as a page that tells visitors their address shows it") {
			seen.check(f, path, a.String())
		}
	}
}

func validateCloudflare(c Cloudflare, f *findings) {
	const zones = "edge.cloudflare.zones"
	validateSecretRef(f, "edge.cloudflare.token", c.Token)
	f.require(len(c.Zones) > 0, zones, "name your domains at Cloudflare, such as [example.org]")
	seen := unique{}
	for i, zone := range c.Zones {
		path := indexPath(zones, i)
		if f.check(!strings.HasPrefix(zone, "*."), path, "a wildcard, not a zone", "write the zone's own name, such as example.org") &&
			f.tell(path, checkHost(zone)) {
			seen.check(f, path, zone)
		}
	}
	f.check(c.Account == "" || accountForm.MatchString(c.Account), "edge.cloudflare.account", "not the ID of an account",
		"the 32 digits on the account's page; leave it out for the account of the first zone")
}

func validateCertificates(e Edge, f *findings) {
	const at = "edge.certificates."
	c := *e.Certificates
	f.checkWord(at+"issuer", string(c.Issuer), string(IssuerProduction), string(IssuerStaging), string(IssuerACME), string(IssuerOrigin))
	f.checkWord(at+"strategy", string(c.Strategy), string(CertPerHost), string(CertWildcard))
	f.check(e.Cloudflare != nil, "edge.certificates", "needs edge.cloudflare, where names are proven", "write edge.cloudflare with token and zones, or take certificates out")
	f.check(c.Issuer != IssuerOrigin || e.Mode == EdgePortForward, at+"issuer", "origin needs edge.mode portforward: only Cloudflare trusts such a certificate",
		"write issuer: production")
	validateDirectory(c, f)
	f.check(c.Profile == "" || labelForm.MatchString(c.Profile) && c.Issuer != IssuerOrigin, at+"profile", "not a profile of an ACME server", "Let's Encrypt has classic, tlsserver and shortlived; leave it out for the usual")
	f.check(c.Email == "" || strings.Count(c.Email, "@") == 1 && !strings.ContainsAny(c.Email, " <>,"), at+"email", "not an address", "write it like ops@example.org")
	if c.Token != nil {
		validateSecretRef(f, at+"token", *c.Token)
	}
	for i, server := range c.Nameservers {
		a, err := netip.ParseAddrPort(server)
		f.check(err == nil && a.Port() != 0 && isUnicast(a.Addr()), indexPath(at+"nameservers", i), "not address:port", "write it like 1.1.1.1:53")
	}
	f.check(c.RenewBeforePercentage >= 5 && c.RenewBeforePercentage <= 90, at+"renewBeforePercentage", "not between 5 and 90", "33 renews when a third of the time is left")
}

// validateDirectory checks what only issuer acme has.
func validateDirectory(c Certificates, f *findings) {
	const directory, ca = "edge.certificates.directory", "edge.certificates.ca"
	if c.Issuer != IssuerACME {
		f.check(c.Directory == "", directory, "needs issuer: acme", "write issuer: acme, or take directory out")
		f.check(c.CA == "", ca, "needs issuer: acme", "write issuer: acme, or take ca out")
		return
	}
	const hint = "write the address of the ACME directory, such as https://ca.lan/acme/directory"
	if f.require(c.Directory != "", directory, hint) {
		u, err := url.Parse(c.Directory)
		f.check(err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil, directory, "not an https:// address", hint)
	}
	if c.CA == "" {
		return
	}
	const caHint = "name a PEM file with the authority's certificates: file:PATH"
	if file, ok := strings.CutPrefix(c.CA, "file:"); f.check(ok && file != "", ca, "not file:PATH", caHint) {
		validateCA(f, ca, file, caHint)
	}
}

func validateTunnel(e Edge, f *findings) {
	const at = "edge.tunnel."
	t := *e.Tunnel
	f.check(e.Mode == EdgeTunnel, "edge.tunnel", "needs edge.mode: tunnel", "write mode: tunnel, or take tunnel out")
	f.check(e.Cloudflare != nil, "edge.tunnel", "needs edge.cloudflare", "write edge.cloudflare with token and zones, or take tunnel out")
	f.check(t.Name == "" || labelForm.MatchString(t.Name), at+"name", "not a name for a tunnel", labelHint)
	f.checkWord(at+"management", string(t.Management), string(TunnelRemote), string(TunnelLocal))
	local := t.Management == TunnelLocal
	f.check(local || t.Credentials == nil, at+"credentials", "needs management: local", "write management: local, or take credentials out")
	if local {
		ref := SecretRef("")
		if t.Credentials != nil {
			ref = *t.Credentials
		}
		validateSecretRef(f, at+"credentials", ref)
	}
}

// validateReach checks a service against what Cloudflare can do for it.
func validateReach(c Cluster, s Service, f *findings) {
	if c.Edge == nil || c.Edge.Cloudflare == nil || s.Host == "" {
		return
	}
	flare := *c.Edge.Cloudflare
	name := strings.TrimPrefix(s.Host, "*.")
	zone := flare.Zone(name)
	if !f.check(zone != "", "host", "outside of edge.cloudflare.zones: neither a certificate nor a record can be had for it",
		"choose a host under "+strings.Join(flare.Zones, " or ")+", or add its zone in k3sedge.yaml") || s.Expose != ExposePublic {
		return
	}
	f.check(name == s.Host, "host", "a wildcard that is public: no wildcard record is ever made, because it would publish every name",
		"make a service for each host, or write expose: lan")
	deep := strings.Count(strings.TrimSuffix(name, zone), ".") > 1
	f.check(!deep || flare.AdvancedCertificates, "host", fmt.Sprintf("more than one label below %s: Cloudflare has no certificate for it, so that browsers refuse it", zone),
		"choose a name right below "+zone+", or set edge.cloudflare.advancedCertificates where you have bought one that covers it")
}

// validatePassthrough refuses what needs to see the request: with passthrough
// the edge sees no more than the name that the client asks for.
func validatePassthrough(s Service, f *findings) {
	if !s.Passthrough {
		return
	}
	const hint = "take it out, or take passthrough out"
	for _, key := range []struct {
		path string
		set  bool
	}{
		{"basicAuth", s.BasicAuth != nil}, {"headers", s.Headers != nil}, {"middlewares", len(s.Middlewares) > 0},
		{"preset", s.Preset != ""}, {"rateLimit", s.RateLimit != ""}, {"tls", s.TLS != nil},
	} {
		f.check(!key.set, key.path, "contradicts passthrough, with which the edge does not look into requests", hint)
	}
	f.check(s.Scheme == SchemeHTTPS, "scheme", "contradicts passthrough, for which the servers speak TLS themselves", hint)
	f.check(s.Expose != ExposePublic, "expose", "public contradicts passthrough: Cloudflare ends TLS itself", "write expose: lan, or take passthrough out")
	f.check(!strings.HasPrefix(s.Host, "*."), "host", "a wildcard contradicts passthrough, which goes by one name", "make a service for each host")
}
