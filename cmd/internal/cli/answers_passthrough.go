package cli

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// handedOver reports whether what the edge shows, the first answer, is the
// certificate of one of the servers, who were asked at the same moment past the
// edge. One of the edge's own has come by another route. Where no server
// answers, Traefik hangs up without the word by which it refuses a host that
// it does not know.
func handedOver(answers []look.DialAnswer, forced bool) bool {
	edge := answers[0]
	if fromServer(answers) {
		return true
	}
	silent := edge.Outcome == look.Broken || edge.Outcome == look.TimedOut
	return forced && silent && edge.Alert == ""
}

// fromServer reports whether the edge, the first answer, shows what one of the
// servers shows.
func fromServer(answers []look.DialAnswer) bool {
	edge := answers[0].Cert
	return edge != nil && slices.ContainsFunc(answers[1:], func(server look.DialAnswer) bool {
		return server.Cert != nil && server.Cert.SHA256 == edge.SHA256
	})
}

// takenBack reports whether a service that was handed over is served by the
// edge itself. Until Traefik has let the old route go, all is answered by the
// servers. Where both have the same certificate, the edge's header tells.
func takenBack(answers []look.DialAnswer, forced bool) bool {
	return served(answers, forced) && (!fromServer(answers) || answers[0].Header["Strict-Transport-Security"] != "")
}

// shutOut reports whether a node may not come itself: the edge hangs up then,
// as it does where no server answers.
func shutOut(service inventory.Service, node netip.Addr) bool {
	return len(service.Allow) > 0 && !slices.ContainsFunc(service.Allow, func(p netip.Prefix) bool { return p.Contains(node) })
}

// passthroughAdvice is what the last answer points to.
func passthroughAdvice(a look.DialAnswer, service inventory.Service) string {
	switch {
	case a.Cert != nil:
		return fmt.Sprintf("the edge shows the certificate of %s by %s, which none of the servers shows: does another route have the host %s?", a.Cert.Subject, a.Cert.Issuer, service.Host)
	case a.Alert != "":
		return "Traefik does not know the host: its reason stands at 127.0.0.1:8080/api/tcp/routers on the node"
	case a.Outcome == look.Refused, a.Outcome == look.Unreachable:
		return "k3sedge status says whether Traefik runs on this node"
	}
	return "the server does not answer Traefik; `k3sedge add-service` without --force asks it from each node"
}
