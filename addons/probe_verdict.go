package addons

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// judgeOutcome says how far a node came.
func judgeOutcome(s inventory.Service, r ProbeResult) (severity Severity, text, hint string) {
	a := r.Answer
	switch a.Outcome {
	case look.Answered:
		return Fine, fmt.Sprintf("answers %d", a.Status), ""
	case look.Refused:
		return Fault, "refuses the connection", "is the service running, and does it listen on " + r.Server + " rather than on 127.0.0.1 of its machine?"
	case look.TimedOut:
		return Fault, "does not answer in time", "does a firewall on the server's machine, or between, drop what comes from node " + r.Node + "?"
	case look.Unreachable:
		return Fault, "cannot be reached", "is the machine on, and is there a route to it from node " + r.Node + "? " + a.Err
	case look.WantsTLS:
		return Fault, "speaks TLS, where plain HTTP was said", "write --scheme https (scheme: https in the file)"
	case look.NotTLS:
		return Fault, "speaks no TLS, where https was said", "write --scheme http (scheme: http in the file)"
	case look.NotHTTP:
		return Fault, "speaks something other than HTTP: " + a.Err, "is that the port of its web server?"
	case look.BadCert:
		if s.TLS != nil && s.TLS.Insecure {
			return Fine, "answers with a certificate that is not judged", ""
		}
		return Fault, "shows a certificate that is not accepted: " + a.Err, certificateHint(s, a)
	}
	return Fault, "breaks off: " + a.Err, "look into the log of the service"
}

// certificateHint names what would be accepted.
func certificateHint(s inventory.Service, a look.DialAnswer) string {
	who := ""
	if a.Cert != nil {
		who = fmt.Sprintf("it is for %s, by %s, until %s; ", strings.Join(a.Cert.Names, ", "), a.Cert.Issuer, a.Cert.NotAfter)
	}
	if s.TLS != nil && s.TLS.CA != "" {
		return who + "is --ca (tls.ca) the authority that has issued it, and --server-name (tls.serverName) a name in it?"
	}
	return who + "name its authority by --ca (tls.ca) and a name in it by --server-name (tls.serverName), or say --insecure-backend to take any"
}

type note struct {
	text, hint string
	severity   Severity
}

// notes are about a server that has answered.
func notes(s inventory.Service, r ProbeResult) []note {
	a := r.Answer
	if s.Passthrough {
		return certificateNotes(s, a.Cert)
	}
	var out []note
	if a.Outcome == look.Answered {
		out = append(out, statusNote(s, a.Status)...)
		out = append(out, redirectNote(s, r)...)
		out = append(out, policyNote(s, a.Header["Content-Security-Policy"])...)
	}
	return append(out, expiryNote(s, a)...)
}

func statusNote(s inventory.Service, status int) []note {
	switch {
	case status == http.StatusBadRequest || status == http.StatusMisdirectedRequest:
		return []note{{fmt.Sprintf("answers %d to the host name %s", status, s.Host), "does the application have to be told that name first?", Warning}}
	case status >= http.StatusInternalServerError:
		return []note{{fmt.Sprintf("answers, but with %d", status), "look into the log of the service", Warning}}
	}
	return nil
}

// redirectNote finds applications that do not know under which address they are reached.
func redirectNote(s inventory.Service, r ProbeResult) []note {
	to, err := url.Parse(r.Answer.Header["Location"])
	if err != nil || to.Host == "" {
		return nil
	}
	server, _, _ := net.SplitHostPort(r.Server)
	switch {
	case s.Scheme == inventory.SchemeHTTP && to.Scheme == "https" && strings.EqualFold(to.Host, s.Host) && (to.Path == "" || to.Path == "/"):
		return []note{{"redirects http to " + to.String() + ", where it is asked by http again: browsers would go round in a circle",
			"have the application trust the header X-Forwarded-Proto, or switch its own redirect off", Warning}}
	case to.Hostname() == server:
		return []note{{"sends visitors to its inner address, " + to.String(), "set the address of the application to https://" + s.Host, Warning}}
	}
	return nil
}

func policyNote(s inventory.Service, own string) []note {
	if own == "" || headersOf(s).ContentSecurityPolicy == "" {
		return nil
	}
	return []note{{"has a Content-Security-Policy of its own, which the edge replaces: " + own, "headers.csp: off keeps it", Warning}}
}

// expiryNote is about a certificate that Traefik will judge.
func expiryNote(s inventory.Service, a look.DialAnswer) []note {
	if a.Cert == nil || a.Outcome != look.Answered || s.Scheme != inventory.SchemeHTTPS || s.TLS != nil && s.TLS.Insecure {
		return nil
	}
	return endNote(a.Cert, "after that every request would fail; have it renewed")
}
