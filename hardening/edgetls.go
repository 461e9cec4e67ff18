package hardening

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func checkTLS(f *facts.Facts, p Policy) Verdict {
	const want = "TLS 1.2 with forward secrecy and authenticated encryption at least, and no handshake for a host without a certificate"
	wrong := looseRoutes(f)
	taken, unseen := oldTLS(f, p)
	wrong = append(wrong, taken...)
	stranger, status, blind := strangersTLS(f, p)
	if blind != "" {
		unseen = append(unseen, blind)
	}
	v := settle(append(wrong, stranger...), unseen, fmt.Sprintf("%s, refused: %s; %s", strangerHost, f.Wire[dialStranger].Alert, looked(p, present(f, p))), want)
	// A certificate that nobody trusts, and nothing behind it.
	const notFound = 404
	if len(wrong) == 0 && len(stranger) > 0 && status == notFound {
		v.Severity = Medium
	}
	return v
}

// strangersTLS is what a client gets that asks for a host of nobody.
func strangersTLS(f *facts.Facts, p Policy) (wrong []string, status int, blind string) {
	a, ok := f.Wire[dialStranger]
	switch {
	case !ok:
		return nil, 0, dialStranger + ": the agent did not try it"
	case a.Cert != nil && a.Status != 0:
		return []string{fmt.Sprintf("%s:443 shows %s to a client that asks for %s, and answers %d", p.Address, a.Cert.Subject, strangerHost, a.Status)}, a.Status, ""
	case a.Cert != nil:
		return []string{fmt.Sprintf("%s:443 shows %s to a client that asks for %s", p.Address, a.Cert.Subject, strangerHost)}, 0, ""
	case a.Alert == "":
		return nil, 0, fmt.Sprintf("%s:443 for %s: %s", p.Address, strangerHost, words(a))
	}
	return nil, 0, ""
}

// oldTLS says which services take what no server should.
func oldTLS(f *facts.Facts, p Policy) (wrong, unseen []string) {
	asked := p.edgeDials()
	for _, s := range present(f, p) {
		for _, name := range []string{dialOld(s.Ask), dialWeak(s.Ask)} {
			if _, is := asked[name]; !is {
				continue
			}
			a, ok := f.Wire[name]
			switch {
			case !ok:
				unseen = append(unseen, name+": the agent did not try it")
			case a.TLS != "":
				wrong = append(wrong, fmt.Sprintf("%s takes %s with %s", s.Ask, a.TLS, a.Suite))
			case a.Alert == "":
				unseen = append(unseen, name+": "+words(a))
			}
		}
	}
	return wrong, unseen
}

// looseRoutes are the routes whose TLS options are not there or ask for less.
func looseRoutes(f *facts.Facts) []string {
	options := map[string]facts.TLSOption{}
	defaults := 0
	for _, o := range f.Cluster.Edge.TLSOptions {
		options[reference(o.Namespace, o.Name)] = o
		if o.Name == "default" {
			options[""] = o
			defaults++
		}
	}
	var out []string
	if defaults > 1 {
		out = append(out, fmt.Sprintf("TLSOption default is there %d times, so that Traefik takes none of them", defaults))
	}
	for _, r := range routesOf(f.Cluster.Edge) {
		if !r.Passthrough && onTLS(r) {
			out = append(out, looseRoute(r, options)...)
		}
	}
	return out
}

// looseRoute judges one route by its options; those by default have no name.
func looseRoute(r facts.Route, options map[string]facts.TLSOption) []string {
	o, ok := options[r.Options]
	switch {
	case !ok && r.Options == "":
		return []string{nameOf(r) + " names no TLS options, and there is no TLSOption default"}
	case !ok && strings.HasSuffix(r.Options, crdProvider):
		return []string{fmt.Sprintf("%s names the TLS options %s, which are not there", nameOf(r), r.Options)}
	case !ok:
		return nil // of another provider
	}
	var out []string
	for _, why := range looseOption(o) {
		out = append(out, fmt.Sprintf("%s: TLSOption %s/%s: %s", nameOf(r), o.Namespace, o.Name, why))
	}
	return out
}

// onTLS reports whether a route is spoken to in TLS. The entrypoint of the LAN
// has it for all, and takes those that name none.
func onTLS(r facts.Route) bool {
	return r.TLS || len(r.Entries) == 0 || slices.Contains(r.Entries, entrySecure)
}

func looseOption(o facts.TLSOption) []string {
	var out []string
	if o.MinVersion != "" && o.MinVersion != "VersionTLS12" && o.MinVersion != "VersionTLS13" {
		out = append(out, "minVersion: "+o.MinVersion)
	}
	if o.MinVersion != "VersionTLS13" {
		if len(o.Suites) == 0 {
			out = append(out, "no cipherSuites, so that those with CBC are taken")
		}
		for _, suite := range o.Suites {
			if !soundSuite(suite) {
				out = append(out, "cipherSuites: "+suite)
			}
		}
	}
	if !o.SNIStrict {
		out = append(out, "sniStrict is not true")
	}
	return out
}

// soundSuite reports whether a suite has forward secrecy and authenticated
// encryption, as all of TLS 1.3 have.
func soundSuite(name string) bool {
	aead := strings.Contains(name, "_GCM_") || strings.Contains(name, "_CHACHA20_POLY1305")
	return aead && (strings.HasPrefix(name, "TLS_ECDHE_") || strings.HasPrefix(name, "TLS_AES_") || strings.HasPrefix(name, "TLS_CHACHA20_"))
}

func checkCertificates(f *facts.Facts, p Policy) Verdict {
	here, now := present(f, p), time.Unix(f.System.UnixTime, 0)
	if len(here) == 0 && len(f.Cluster.Edge.Certificates) == 0 {
		return noService(p)
	}
	var wrong, unseen []string
	for _, s := range here {
		a, ok := f.Wire[dialTLS(s.Ask)]
		switch {
		case !ok:
			unseen = append(unseen, dialTLS(s.Ask)+": the agent did not try it")
		case a.Cert == nil && a.Alert != "":
			wrong = append(wrong, fmt.Sprintf("%s: no certificate yet; a handshake is refused: %s", s.Ask, a.Alert))
		case a.Cert == nil:
			unseen = append(unseen, fmt.Sprintf("%s: %s", s.Ask, words(a)))
		default:
			for _, why := range unwell(*a.Cert, s.Ask, now) {
				wrong = append(wrong, s.Ask+": "+why)
			}
		}
	}
	for _, c := range f.Cluster.Edge.Certificates {
		why := ""
		if c.Ready {
			why = outlives(c.NotBefore, c.NotAfter, now)
		} else {
			why = "not ready: " + c.Reason
		}
		if why != "" {
			wrong = append(wrong, fmt.Sprintf("Certificate %s/%s: %s", c.Namespace, c.Name, why))
		}
	}
	return settle(wrong, unseen, looked(p, here)+earliest(f, here), "a certificate for each host that lasts for more than 21 days, or a quarter of its life where that is short")
}

// unwell says what is not right with a certificate that was shown for host.
func unwell(c look.Cert, host string, now time.Time) []string {
	const traefiks = "TRAEFIK DEFAULT CERT"
	if strings.Contains(c.Subject, traefiks) {
		return []string{"no certificate yet; Traefik shows its own, " + c.Subject}
	}
	var out []string
	if (&x509.Certificate{DNSNames: c.Names}).VerifyHostname(host) != nil {
		out = append(out, "the certificate is for "+strings.Join(c.Names, ", "))
	}
	if strings.Contains(c.Issuer, "STAGING") {
		out = append(out, "the certificate is a trial's, by "+c.Issuer)
	}
	if why := outlives(c.NotBefore, c.NotAfter, now); why != "" {
		out = append(out, why)
	}
	if c.ChainEnd != "" && c.ChainEnd < c.NotAfter {
		if why := outlives(c.NotBefore, c.ChainEnd, now); why != "" {
			out = append(out, "its issuer's certificate: "+why)
		}
	}
	return out
}

// outlives says why a certificate does not last long enough, or "".
func outlives(notBefore, notAfter string, now time.Time) string {
	begin, err := time.Parse(time.RFC3339, notBefore)
	if err != nil {
		return "nobody can say since when it is valid"
	}
	end, err := time.Parse(time.RFC3339, notAfter)
	if err != nil {
		return "nobody can say when it ends"
	}
	// One of 45 days is renewed when 15 are left.
	const floor, quarter = 21 * 24 * time.Hour, 4
	switch left := end.Sub(now); {
	case left <= 0:
		return "it ended at " + notAfter
	case begin.After(now):
		return "it is not valid before " + notBefore
	case left <= min(floor, end.Sub(begin)/quarter):
		return fmt.Sprintf("it ends in %d days, at %s", int(left.Hours()/24), notAfter)
	}
	return ""
}

// earliest names the certificate that ends first.
func earliest(f *facts.Facts, here []EdgeService) string {
	var ends []string
	for _, s := range here {
		if a := f.Wire[dialTLS(s.Ask)]; a.Cert != nil {
			ends = append(ends, a.Cert.NotAfter+" ("+s.Ask+")")
		}
	}
	if len(ends) == 0 {
		return ""
	}
	return "; the first certificate ends at " + slices.Min(ends)
}
