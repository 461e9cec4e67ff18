package hardening

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

const portReadOnly = 10255

// The dials at K3s' own ports, by name.
const (
	dialAPI        = "k3s api /api"
	dialVersion    = "k3s api /version"
	dialAPIOld     = "k3s api, TLS 1.1 and older"
	dialAPIWeak    = "k3s api, weak suites"
	dialPods       = "k3s kubelet /pods"
	dialKubeletOld = "k3s kubelet, TLS 1.1 and older"
	dialKubeletBad = "k3s kubelet, weak suites"
	dialReadOnly   = "k3s kubelet without login"
)

// k3sDials are what a stranger tries at the node's own ports. No certificate
// is believed: no secret is sent, and what is wanted is a refusal.
func (p Policy) k3sDials() map[string]look.Dial {
	if p.Cluster == nil {
		return nil
	}
	to := func(port uint16, d look.Dial) look.Dial {
		d.Address, d.Millis = hostPort(p.Address, port), facts.WirePatience
		d.TLS, d.AnyCert = port != portReadOnly, port != portReadOnly
		return d
	}
	out := map[string]look.Dial{
		dialPods:       to(portKubelet, look.Dial{HTTP: true, Path: "/pods"}),
		dialKubeletOld: to(portKubelet, look.Dial{Old: true}),
		dialKubeletBad: to(portKubelet, look.Dial{Weak: true}),
		dialReadOnly:   to(portReadOnly, look.Dial{}),
	}
	if p.Cluster.Server {
		out[dialAPI] = to(portAPI, look.Dial{HTTP: true, Path: "/api"})
		out[dialVersion] = to(portAPI, look.Dial{HTTP: true, Path: "/version"})
		out[dialAPIOld] = to(portAPI, look.Dial{Old: true})
		out[dialAPIWeak] = to(portAPI, look.Dial{Weak: true})
	}
	return out
}

// k3sRequest is what the agent looks at where K3s runs. Only a server keeps
// what it could find.
func (p Policy) k3sRequest() *facts.K3sRequest {
	switch {
	case p.Cluster == nil:
		return nil
	case !p.Cluster.Server:
		return &facts.K3sRequest{}
	}
	return &facts.K3sRequest{API: hostPort(p.Address, portAPI)}
}

func hostPort(a netip.Addr, port uint16) string {
	return net.JoinHostPort(a.String(), strconv.Itoa(int(port)))
}
