package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/k3sedge/k3sedge/addons"
	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// answerTime is how long a route may take from its objects to its first answer:
// Traefik reads a change at once, a certificate may have to be issued.
const answerTime = 30 * time.Second

// awaited is a service that is to answer at each node.
type awaited struct {
	inventory.Service
	was    inventory.Service // before this run; without a name where it is new
	forced bool              // no server is expected to answer
}

// answers is a stage in which each node asks its own Traefik for the service.
func (st *site) answers(service awaited) converge.Stage {
	stage := converge.Stage{Name: "answers"}
	for _, n := range st.project.Cluster.Nodes {
		step := lookStep{"service/answers", func(ctx context.Context) error { return st.awaitAnswer(ctx, n, service) }}
		stage.Tracks = append(stage.Tracks, converge.Bind(n.Name, struct{}{}, struct{}{}, converge.Step[struct{}, struct{}](step)))
	}
	return stage
}

func (st *site) awaitAnswer(ctx context.Context, n inventory.Node, service awaited) error {
	ask := look.Request{Dials: []look.Dial{{
		Address: net.JoinHostPort(n.Address.String(), "443"), TLS: true, AnyCert: true, ServerName: service.SomeHost(),
		HTTP: !service.Passthrough, Host: service.SomeHost(), Path: "/", Millis: 5000,
	}}}
	answered, advice, forced := served, adviceFor, service.forced
	switch {
	case service.Passthrough:
		ask.Dials = append(ask.Dials, addons.PassthroughDials(service.Service)...)
		answered, advice = handedOver, passthroughAdvice
		forced = forced || shutOut(service.Service, n.Address)
	case service.was.Passthrough:
		ask.Dials = append(ask.Dials, addons.PassthroughDials(service.was)...)
		answered = takenBack
	case st.throughTunnel(service.Service):
		ask.Dials = append(ask.Dials, tunnelDial(service.Service))
		answered = servedBoth
	}
	var last look.DialAnswer
	wait := converge.Wait{What: "https://" + service.Host + " at " + n.Name, Every: 50 * time.Millisecond, Limit: answerTime}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		answer, err := st.guests[n.Name].Look(ctx, ask)
		if err != nil {
			return false, "", err
		}
		if last = answer.Dials[0]; st.throughTunnel(service.Service) && served(answer.Dials, forced) {
			last = answer.Dials[len(answer.Dials)-1]
		}
		return answered(answer.Dials, forced), told(last), nil
	})
	if last.Outcome == "" {
		return err // the node itself did not answer
	}
	return machine.WithHint(err, "%s", advice(last, service.Service))
}

// served reports whether the answer came through the service's route. Traefik
// says 404 where it has none and 502 to 504 where no server answers; what an
// application says with these codes looks the same and is waited for in vain.
// A forced service is served as soon as it has a route.
func served(answers []look.DialAnswer, forced bool) bool {
	a := answers[0]
	switch a.Status {
	case http.StatusNotFound:
		// Traefik's own has none of the headers that our routes set.
		return a.Header["Strict-Transport-Security"] != ""
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return forced
	}
	return a.Outcome == look.Answered
}

// throughTunnel reports whether visitors come to a service through the tunnel.
func (st *site) throughTunnel(s inventory.Service) bool {
	return s.Expose == inventory.ExposePublic && st.project.Cluster.Edge.Mode == inventory.EdgeTunnel
}

// tunnelDial asks Traefik as cloudflared does, on the node itself.
func tunnelDial(s inventory.Service) look.Dial {
	return look.Dial{Address: fmt.Sprintf("127.0.0.1:%d", traefik.TunnelPort), HTTP: true, Host: s.SomeHost(), Path: "/", Millis: 5000}
}

// servedBoth is served on the LAN and through the tunnel: Traefik may take up
// one of the two routes a moment before the other.
func servedBoth(answers []look.DialAnswer, forced bool) bool {
	return served(answers, forced) && served(answers[1:], forced)
}

func told(a look.DialAnswer) string {
	if a.Status != 0 {
		return fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	}
	if a.Cert != nil && a.Outcome == look.Answered {
		return "shows the certificate of " + a.Cert.Subject
	}
	return string(a.Outcome)
}

// adviceFor is what the last answer points to.
func adviceFor(a look.DialAnswer, service inventory.Service) string {
	switch {
	case a.Status == http.StatusNotFound:
		return "either the application has no page at /, or Traefik refuses the route: its reason stands at 127.0.0.1:8080/api/http/routers on the node"
	case a.Status != 0:
		return "the server does not answer Traefik; `k3sedge add-service` without --force asks it from each node"
	case a.Outcome == look.Refused, a.Outcome == look.TimedOut, a.Outcome == look.Unreachable:
		return "k3sedge status says whether Traefik runs on this node"
	default:
		return fmt.Sprintf("strict SNI refuses a host without certificate: is there a secret %s-tls in namespace edge-%s?", service.Name, service.Name)
	}
}

// added is the result of add-service.
type added struct {
	Kind string   `json:"kind"` // service
	Name string   `json:"name"`
	URL  string   `json:"url"`
	Via  []string `json:"via"` // the nodes' addresses that answer for it
}

func (st *site) printAdded(output string, service inventory.Service) error {
	result := added{Kind: "service", Name: service.Name, URL: "https://" + service.Host + "/"}
	for _, n := range st.project.Cluster.Nodes {
		result.Via = append(result.Via, n.Address.String())
	}
	if output == "json" {
		return json.NewEncoder(st.streams.Out).Encode(result)
	}
	for _, address := range result.Via {
		fmt.Fprintf(st.streams.Out, "%s answers at %s\n", result.URL, address)
	}
	return nil
}
