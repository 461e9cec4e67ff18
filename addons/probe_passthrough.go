package addons

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// PassthroughDials are how the servers of a service that is handed over
// unopened are asked: by the name that clients will send, and not for HTTP,
// which need not be what they speak inside of TLS. Which authorities the
// clients trust is not known here, so that no certificate is refused.
func PassthroughDials(s inventory.Service) []look.Dial {
	var out []look.Dial
	for _, server := range s.To {
		out = append(out, look.Dial{Address: server, TLS: true, ServerName: s.Host, AnyCert: true, Millis: int(probeTime.Milliseconds())})
	}
	return out
}

// judgeHandshake says how far a node came with a server that is to end TLS itself.
func judgeHandshake(r ProbeResult) (severity Severity, text, hint string) {
	a := r.Answer
	switch {
	case a.Outcome == look.Answered:
		return Fine, "speaks " + a.TLS, ""
	case a.Outcome == look.NotTLS:
		return Fault, "speaks no TLS, which passthrough leaves to the servers", "take --passthrough out (passthrough in the file): the edge ends TLS then"
	case a.Alert != "":
		return Fault, "refuses TLS: " + a.Alert, "does the server know the name that clients will ask for?"
	}
	return Fault, "", ""
}

// certificateNotes tell what visitors will be shown, since it is not the
// edge's, and what they would not accept.
func certificateNotes(s inventory.Service, c *look.Cert) []note {
	if c == nil {
		return nil
	}
	whom := cmp.Or(strings.Join(c.Names, ", "), c.Subject)
	out := []note{{fmt.Sprintf("shows a certificate for %s, by %s, until %s", whom, c.Issuer, c.NotAfter), "", Note}}
	if (&x509.Certificate{DNSNames: c.Names}).VerifyHostname(s.Host) != nil {
		out = append(out, note{"shows a certificate that is not for " + s.Host, "clients will refuse it: have the server get one for that name", Warning})
	}
	return append(out, endNote(c, "after that clients will refuse it; have it renewed")...)
}

// endNote warns early enough for a person to act.
func endNote(c *look.Cert, hint string) []note {
	const early = 14 * 24 * time.Hour
	end, err := time.Parse(time.RFC3339, c.NotAfter)
	switch {
	case err != nil || time.Until(end) > early:
		return nil
	case time.Until(end) < 0:
		return []note{{"shows a certificate that has ended at " + c.NotAfter, hint, Warning}}
	}
	return []note{{"shows a certificate that ends at " + c.NotAfter, hint, Warning}}
}
