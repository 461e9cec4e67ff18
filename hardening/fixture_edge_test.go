package hardening

import (
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// gitHost is the service of the fixture; wikiHost is one under a wildcard.
const (
	gitHost  = "git.example.org"
	wikiHost = "k3sedge-probe.wiki.example.org"
)

func testServices() []inventory.Service {
	return []inventory.Service{
		{Name: "git", Host: gitHost, To: []string{"10.0.0.50:3000"}},
		{Name: "wiki", Host: "*.wiki.example.org", To: []string{"10.0.0.51:8080", "[fd00:1::51]:8080"}, Headers: &inventory.Headers{HSTS: "24h"}},
	}
}

// addEdgeFacts makes f those of a node with Traefik, two services and a tunnel.
func addEdgeFacts(f *facts.Facts, p Policy) {
	if p.Cluster == nil {
		return
	}
	if f.Cluster == nil {
		f.Cluster = &facts.Cluster{}
	}
	f.Cluster.Pods = append(f.Cluster.Pods, traefikPod(p.Node), connector("1"), connector("2"))
	f.Cluster.Namespaces = append(f.Cluster.Namespaces, facts.Object{Name: "cloudflared", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}})
	f.Cluster.Edge = facts.Edge{
		Ingresses: []facts.Route{
			edgeRoute("git", gitHost), edgeRoute("wiki", "*.wiki.example.org"),
			{Kind: otherController, Namespace: "default", Name: "theirs"},
		},
		IngressRoutes:    []facts.Route{{Kind: "IngressRoute", Namespace: "kube-system", Name: "traefik-dashboard", Entries: []string{"traefik"}, Services: []string{"api@internal"}}},
		IngressRouteTCPs: []facts.Route{},
		Middlewares:      []facts.Middleware{edgeHeaders("git", 31536000), edgeHeaders("wiki", 86400)},
		TLSOptions: []facts.TLSOption{
			{Namespace: "k3sedge-system", Name: "tls", MinVersion: "VersionTLS12", SNIStrict: true, Suites: []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"}},
		},
		Slices: []facts.EndpointSlice{
			edgeSlice("git", 3000, "10.0.0.50"), edgeSlice("wiki", 8080, "10.0.0.51"), edgeSlice("wiki", 8080, "fd00:1::51"),
			{Namespace: "default", Name: "kubernetes", Service: "kubernetes", Addresses: []string{"10.0.0.11"}, Ports: []int{6443}},
		},
		Certificates: []facts.Certificate{{Namespace: "edge-git", Name: "git-tls", Hosts: []string{gitHost}, Ready: true, NotBefore: day(-10), NotAfter: day(80)}},
	}
	if f.Wire == nil {
		f.Wire = map[string]look.DialAnswer{}
	}
	for name, d := range p.edgeDials() {
		f.Wire[name] = soundAnswer(name, d)
	}
	f.Cluster.Edge.Bypass = map[string]look.DialAnswer{}
	for _, s := range p.Cluster.Edge.Services {
		for _, address := range s.To {
			f.Cluster.Edge.Bypass[address] = look.DialAnswer{Outcome: look.TimedOut, Err: "i/o timeout"}
		}
	}
}

// soundAnswer is what a sound edge does when it is tried.
func soundAnswer(name string, d look.Dial) look.DialAnswer {
	host := d.ServerName
	switch {
	case strings.HasPrefix(name, "server "):
		return look.DialAnswer{Outcome: look.Answered}
	case strings.HasPrefix(name, "port "):
		return look.DialAnswer{Outcome: look.Refused, Err: "connection refused"}
	case d.Old || d.Weak || name == dialStranger:
		return look.DialAnswer{Outcome: look.Broken, Err: "remote error", Alert: "tls: internal error"}
	case !d.TLS:
		return look.DialAnswer{Outcome: look.Answered, Status: 301, Header: map[string]string{"Location": "https://" + d.Host + "/"}}
	}
	a := look.DialAnswer{
		Outcome: look.Answered, Status: 200, TLS: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256",
		Header: map[string]string{"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff"},
		Cert:   &look.Cert{Subject: "CN=" + host, Issuer: "CN=R11", Names: []string{host}, NotBefore: day(-10), NotAfter: day(80), ChainEnd: day(400)},
	}
	if host == wikiHost {
		a.Header["Strict-Transport-Security"], a.Cert.Names = "max-age=86400; includeSubDomains", []string{"*.wiki.example.org"}
	}
	return a
}

// day is so many days after the fixture's now.
func day(n int) string {
	return time.Unix(1000, 0).UTC().AddDate(0, 0, n).Format(time.RFC3339)
}

func traefikPod(node string) facts.Pod {
	yes, no, nobody := true, false, int64(65532)
	return facts.Pod{
		Object: facts.Object{Namespace: "kube-system", Name: "traefik-x7k2p", Labels: map[string]string{"app.kubernetes.io/name": "traefik"}},
		Node:   node, Phase: "Running", HostNetwork: true, NonRoot: &yes, User: &nobody, Seccomp: "RuntimeDefault", Volumes: []string{"emptyDir"},
		Containers: []facts.Container{{
			Name: "traefik", Image: "rancher/mirrored-library-traefik:3.6.13", Escalation: &no, ReadOnlyRoot: true, Drop: []string{"ALL"},
			Args: []string{
				"--entryPoints.metrics.address=127.0.0.1:9101/tcp", "--entryPoints.traefik.address=127.0.0.1:8080/tcp",
				"--entryPoints.web.address=:80/tcp", "--entryPoints.websecure.address=:443/tcp", "--entryPoints.websecure.asDefault=true",
				"--entryPoints.tunnel.address=127.0.0.1:8444/tcp", "--entryPoints.tunnel.forwardedHeaders.trustedIPs=127.0.0.1/32",
				"--api.dashboard=true", "--ping=true", "--providers.kubernetescrd", "--providers.kubernetescrd.allowEmptyServices=true", "--providers.kubernetesingress",
			},
		}},
	}
}

func connector(n string) facts.Pod {
	return facts.Pod{
		Object: facts.Object{Namespace: "cloudflared", Name: "cloudflared-" + n}, Node: "node-" + n, Phase: "Running",
		Containers: []facts.Container{{
			Name: "cloudflared", Image: "docker.io/cloudflare/cloudflared:2026.8.2", Args: []string{"tunnel", "run", "--token-file=/etc/token"},
			Env: []facts.ContainerEnv{{Name: "TUNNEL_TOKEN", Secret: "tunnel"}, {Name: "NO_AUTOUPDATE", Inline: true}},
		}},
	}
}

func edgeRoute(name, host string) facts.Route {
	return facts.Route{
		Kind: "Ingress", Namespace: "edge-" + name, Name: name, Hosts: []string{host}, Entries: []string{"websecure"}, TLS: true,
		Options: "k3sedge-system-tls@kubernetescrd", Middlewares: []string{"edge-" + name + "-headers@kubernetescrd"}, Services: []string{"edge-" + name + "/" + name},
	}
}

func edgeHeaders(name string, age int64) facts.Middleware {
	return facts.Middleware{Namespace: "edge-" + name, Name: "headers", HSTS: age, Nosniff: true}
}

func edgeSlice(name string, port int, address string) facts.EndpointSlice {
	return facts.EndpointSlice{
		Namespace: "edge-" + name, Name: name + "-k3sedge-" + address, Service: name, ManagedBy: "k3sedge", Of: name, Addresses: []string{address}, Ports: []int{port},
	}
}
