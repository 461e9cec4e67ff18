package inventory

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Warnings are what is allowed in a service and most likely not meant, one
// sentence each.
func (s Service) Warnings() []string {
	var out []string
	warn := func(really bool, format string, args ...any) {
		if really {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	for i, to := range s.To {
		a, _ := netip.ParseAddrPort(to) // the zero value for what Load refuses
		usual := slices.Contains([]uint16{443, 8443, 9443, 8006}, a.Port())
		warn(usual && s.Scheme != SchemeHTTPS, "to[%d]: on port %d servers usually speak https, but scheme is http", i, a.Port())
		warn(slices.Contains([]uint16{80, 8080}, a.Port()) && s.Scheme == SchemeHTTPS, "to[%d]: on port %d servers usually speak http, but scheme is https", i, a.Port())
	}
	warn(s.TLS != nil && s.TLS.Insecure, "tls.insecure: any certificate of the servers is taken; tls.ca would check it")
	// What has no such domain was refused by checkHost.
	apex, _ := publicsuffix.EffectiveTLDPlusOne(strings.TrimPrefix(s.Host, "*."))
	warn(s.Expose == ExposePublic && strings.Contains(strings.TrimSuffix(s.Host, "."+apex), ".") && s.Host != apex,
		"host: Cloudflare's own certificates reach one name below %s, so that browsers refuse %s unless you have bought one that covers it", apex, s.Host)
	warn(s.Expose == ExposePublic && s.Preset == PresetMedia, "expose: Cloudflare's terms restrict video and other large files through its network; expose: lan, or a direct way, is for those")
	if s.Headers != nil {
		out = append(out, s.cspWarnings()...)
		warn(s.Headers.ReferrerPolicy == "unsafe-url", "headers.referrerPolicy: unsafe-url tells other sites the whole address of each page")
	}
	return out
}

// cspWarnings are what breaks applications most often.
func (s Service) cspWarnings() []string {
	var out []string
	for _, d := range parseCSP(s.Headers.CSP) {
		has := func(value string) bool { return slices.Contains(d.values, value) }
		switch {
		case d.name == "default-src" && s.Preset == PresetMedia && has("'self'") && !(has("blob:") && has("data:")):
			out = append(out, "headers.csp: players load from blob: and data:, which default-src does not allow")
		case d.name == "connect-src" && has("'self'") && !has("wss:") && !has("wss://"+s.Host):
			out = append(out, "headers.csp: some browsers do not count WebSockets to 'self'; add wss://"+s.Host+" to connect-src where the application uses them")
		}
	}
	return out
}
