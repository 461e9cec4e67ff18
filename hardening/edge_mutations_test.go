package hardening

import (
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// inTraefik changes Traefik's pod on the node.
func inTraefik(change func(*facts.Pod)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		for i := range f.Cluster.Pods {
			if f.Cluster.Pods[i].Labels[traefikLabel] == traefikApp {
				change(&f.Cluster.Pods[i])
			}
		}
	}
}

func inContainer(change func(*facts.Container)) func(*facts.Facts, Policy) {
	return inTraefik(func(pod *facts.Pod) { change(&pod.Containers[0]) })
}

// argument adds one to Traefik's, after which an earlier one does not count.
func argument(a string) func(*facts.Facts, Policy) {
	return inContainer(func(c *facts.Container) { c.Args = append(c.Args, a) })
}

func inEdge(change func(*facts.Edge)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { change(&f.Cluster.Edge) }
}

func onWire(name string, change func(*look.DialAnswer)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		a := f.Wire[name]
		change(&a)
		f.Wire[name] = a
	}
}

func inConnectors(change func(*facts.Pod)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		for i := range f.Cluster.Pods {
			if f.Cluster.Pods[i].Namespace == "cloudflared" {
				change(&f.Cluster.Pods[i])
			}
		}
	}
}

func edgeMutations() []mutation {
	return slices.Concat(traefikMutations(), tlsMutations(), headerMutations(), certificateMutations(), insideMutations(), bypassMutations(), tunnelMutations())
}

func traefikMutations() []mutation {
	yes, root := true, int64(0)
	return []mutation{
		{"Traefik is root", inTraefik(func(pod *facts.Pod) { pod.User = &root }), Fail, []string{"EDG-01"}},
		{"Traefik's container is root", inContainer(func(c *facts.Container) { c.User = &root }), Fail, []string{"EDG-01"}},
		{"Traefik may be root", inTraefik(func(pod *facts.Pod) { pod.NonRoot = nil }), Fail, []string{"EDG-01"}},
		{"Traefik writes its root", inContainer(func(c *facts.Container) { c.ReadOnlyRoot = false }), Fail, []string{"EDG-01"}},
		{"Traefik is privileged", inContainer(func(c *facts.Container) { c.Privileged = true }), Fail, []string{"EDG-01"}},
		{"Traefik gains privileges", inContainer(func(c *facts.Container) { c.Escalation = &yes }), Fail, []string{"EDG-01"}},
		{"Traefik keeps capabilities", inContainer(func(c *facts.Container) { c.Drop = []string{"NET_RAW"} }), Fail, []string{"EDG-01"}},
		{"Traefik has a capability more", inContainer(func(c *facts.Container) { c.Add = []string{"NET_ADMIN"} }), Fail, []string{"EDG-01"}},
		{"Traefik may bind low ports", inContainer(func(c *facts.Container) { c.Add = []string{"NET_BIND_SERVICE"} }), Pass, nil},
		{"no seccomp", inTraefik(func(pod *facts.Pod) { pod.Seccomp = "Unconfined" }), Fail, []string{"EDG-01"}},
		{"a folder of the host", inTraefik(func(pod *facts.Pod) { pod.Volumes = []string{"hostPath"} }), Fail, []string{"EDG-01"}},
		{"the host's processes", inTraefik(func(pod *facts.Pod) { pod.HostPID = true }), Fail, []string{"EDG-01"}},
		{"Traefik is elsewhere", inTraefik(func(pod *facts.Pod) { pod.Node = "node-2" }), Unknown, []string{"EDG-01", "EDG-02", "EDG-03", "EDG-07"}},
		{"Traefik waits", inTraefik(func(pod *facts.Pod) { pod.Phase = "Pending" }), Unknown, []string{"EDG-01", "EDG-02", "EDG-03", "EDG-07"}},
		{"an insecure API", argument("--api.insecure"), Fail, []string{"EDG-02"}},
		{"an insecure API by a number", argument("--api.insecure=1"), Fail, []string{"EDG-02"}},
		{"an insecure API behind one dash", argument("-api.insecure=true"), Fail, []string{"EDG-02"}},
		{"the API on the LAN", argument("--entrypoints.traefik.address=:8080/tcp"), Fail, []string{"EDG-02"}},
		{"the metrics on the LAN", argument("--entryPoints.metrics.address=0.0.0.0:9101"), Fail, []string{"EDG-02"}},
		{"the dashboard for clients", inEdge(func(e *facts.Edge) { e.IngressRoutes[0].Entries = []string{"websecure"} }), Fail, []string{"EDG-02"}},
		{"the dashboard on every entrypoint", inEdge(func(e *facts.Edge) { e.IngressRoutes[0].Entries = nil }), Fail, []string{"EDG-02"}},
		{"8080 answers", onWire(dialPort(8080), func(a *look.DialAnswer) { a.Outcome = look.Answered }), Fail, []string{"EDG-02"}},
		{"9000 is silent", onWire(dialPort(9000), func(a *look.DialAnswer) { a.Outcome = look.TimedOut }), Unknown, []string{"EDG-02"}},
		{"9100 not tried", func(f *facts.Facts, _ Policy) { delete(f.Wire, dialPort(9100)) }, Unknown, []string{"EDG-02"}},
		{"headers of everybody", argument("--entryPoints.websecure.forwardedHeaders.insecure=true"), Fail, []string{"EDG-03"}},
		{"headers of a LAN", argument("--entryPoints.websecure.forwardedHeaders.trustedIPs=10.0.0.0/8"), Fail, []string{"EDG-03"}},
		{"the tunnel's headers of everybody", argument("--entryPoints.tunnel.forwardedHeaders.insecure"), Fail, []string{"EDG-03"}},
		{"a proxy's word", argument("--entryPoints.web.proxyProtocol.trustedIPs=10.0.0.1"), Fail, []string{"EDG-03"}},
		{"a file of Traefik's", argument("--configFile=/etc/traefik/traefik.yaml"), Unknown, []string{"EDG-02", "EDG-03", "EDG-07"}},
		{"no argument", inContainer(func(c *facts.Container) { c.Args = nil }), Unknown, []string{"EDG-02", "EDG-03", "EDG-07"}},
	}
}

func tlsMutations() []mutation {
	option := func(change func(*facts.TLSOption)) func(*facts.Facts, Policy) {
		return inEdge(func(e *facts.Edge) { change(&e.TLSOptions[0]) })
	}
	shown := func(status int) func(*look.DialAnswer) {
		return func(a *look.DialAnswer) {
			*a = look.DialAnswer{Outcome: look.Answered, Status: status, Cert: &look.Cert{Subject: "CN=TRAEFIK DEFAULT CERT"}}
		}
	}
	taken := func(a *look.DialAnswer) { a.TLS, a.Suite, a.Alert = "TLS 1.1", "TLS_RSA_WITH_AES_128_CBC_SHA", "" }
	return []mutation{
		{"TLS 1.1 is taken", onWire(dialOld(gitHost), taken), Fail, []string{"EDG-04"}},
		{"a weak suite is taken", onWire(dialWeak(wikiHost), taken), Fail, []string{"EDG-04"}},
		{"old TLS, cut off", onWire(dialOld(gitHost), func(a *look.DialAnswer) { a.Alert = "" }), Unknown, []string{"EDG-04"}},
		{"weak TLS, not tried", func(f *facts.Facts, _ Policy) { delete(f.Wire, dialWeak(gitHost)) }, Unknown, []string{"EDG-04"}},
		{"a certificate for nobody", onWire(dialStranger, shown(404)), Fail, []string{"EDG-04"}},
		{"a server for nobody", onWire(dialStranger, shown(200)), Fail, []string{"EDG-04"}},
		{"nobody, cut off", onWire(dialStranger, func(a *look.DialAnswer) { a.Alert = "" }), Unknown, []string{"EDG-04"}},
		{"nobody, not tried", func(f *facts.Facts, _ Policy) { delete(f.Wire, dialStranger) }, Unknown, []string{"EDG-04"}},
		{"options for TLS 1.1", option(func(o *facts.TLSOption) { o.MinVersion = "VersionTLS11" }), Fail, []string{"EDG-04"}},
		{"options with CBC", option(func(o *facts.TLSOption) { o.Suites[0] = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" }), Fail, []string{"EDG-04"}},
		{"options without suites", option(func(o *facts.TLSOption) { o.Suites = nil }), Fail, []string{"EDG-04"}},
		{"options of TLS 1.3 alone", option(func(o *facts.TLSOption) { o.Suites, o.MinVersion = nil, "VersionTLS13" }), Pass, nil},
		{"options that take any name", option(func(o *facts.TLSOption) { o.SNIStrict = false }), Fail, []string{"EDG-04"}},
		{"options that are gone", option(func(o *facts.TLSOption) { o.Name = "other" }), Fail, []string{"EDG-04"}},
		{"a route without options", inEdge(func(e *facts.Edge) { e.Ingresses[0].Options = "" }), Fail, []string{"EDG-04"}},
		{"a route of the tunnel without options", inEdge(func(e *facts.Edge) {
			r := e.Ingresses[0]
			r.Name, r.Options, r.TLS, r.Entries = "git-tunnel", "", false, []string{"tunnel"}
			e.Ingresses = append(e.Ingresses, r)
		}), Pass, nil},
		{"a route by the default options", inEdge(func(e *facts.Edge) {
			o := e.TLSOptions[0]
			o.Name = "default"
			e.Ingresses[0].Options, e.TLSOptions = "", append(e.TLSOptions, o)
		}), Pass, nil},
		{"two default options", inEdge(func(e *facts.Edge) {
			o := e.TLSOptions[0]
			o.Name = "default"
			e.TLSOptions = append(e.TLSOptions, o, o)
		}), Fail, []string{"EDG-04"}},
	}
}

func headerMutations() []mutation {
	header := func(name, value string) func(*look.DialAnswer) {
		return func(a *look.DialAnswer) { a.Header[name] = value }
	}
	turnedAway := func(a *look.DialAnswer) { a.Status, a.Header = 403, map[string]string{} }
	return []mutation{
		{"no HSTS", onWire(dialTLS(gitHost), header("Strict-Transport-Security", "")), Fail, []string{"EDG-05"}},
		{"a short HSTS", onWire(dialTLS(gitHost), header("Strict-Transport-Security", "max-age=300")), Fail, []string{"EDG-05"}},
		{"an HSTS that cannot be read", onWire(dialTLS(gitHost), header("Strict-Transport-Security", "max-age=a year")), Fail, []string{"EDG-05"}},
		{"sniffing", onWire(dialTLS(wikiHost), header("X-Content-Type-Options", "")), Fail, []string{"EDG-05"}},
		{"a server that is down", onWire(dialTLS(gitHost), func(a *look.DialAnswer) { a.Status = 502 }), Pass, nil},
		{"a server that is slow", onWire(dialTLS(gitHost), func(a *look.DialAnswer) { a.Outcome, a.Header = look.TimedOut, nil }), Pass, nil},
		{"a server that is slow, behind no headers", func(f *facts.Facts, p Policy) {
			onWire(dialTLS(gitHost), func(a *look.DialAnswer) { a.Outcome, a.Header = look.TimedOut, nil })(f, p)
			f.Cluster.Edge.Middlewares[0].Nosniff = false
		}, Fail, []string{"EDG-05"}},
		{"a Traefik that is slow", onWire(dialTLS(gitHost), func(a *look.DialAnswer) { *a = look.DialAnswer{Outcome: look.TimedOut, Err: "timeout", Cert: a.Cert} }), Unknown, []string{"EDG-05"}},
		{"the node is turned away", onWire(dialTLS(gitHost), turnedAway), Pass, nil},
		{"turned away from a route without headers", func(f *facts.Facts, p Policy) {
			onWire(dialTLS(gitHost), turnedAway)(f, p)
			f.Cluster.Edge.Middlewares[0].HSTS = 0
		}, Fail, []string{"EDG-05"}},
		{"no redirect", onWire(dialHTTP(gitHost), func(a *look.DialAnswer) { a.Status = 200 }), Fail, []string{"EDG-05"}},
		{"a redirect elsewhere", onWire(dialHTTP(gitHost), header("Location", "https://example.org/")), Fail, []string{"EDG-05"}},
		{"a redirect to http", onWire(dialHTTP(gitHost), header("Location", "http://"+gitHost+"/")), Fail, []string{"EDG-05"}},
		{"80 is silent", onWire(dialHTTP(gitHost), func(a *look.DialAnswer) { a.Outcome = look.TimedOut }), Unknown, []string{"EDG-05"}},
		{"80 not tried", func(f *facts.Facts, _ Policy) { delete(f.Wire, dialHTTP(gitHost)) }, Unknown, []string{"EDG-05"}},
		{"443 not tried", func(f *facts.Facts, _ Policy) { delete(f.Wire, dialTLS(gitHost)) }, Unknown, []string{"EDG-05", "EDG-06"}},
		{"a middleware that is gone", inEdge(func(e *facts.Edge) { e.Middlewares = e.Middlewares[1:] }), Fail, []string{"EDG-05"}},
		{"a comma too many", inEdge(func(e *facts.Edge) { e.Ingresses[0].Middlewares = commas("edge-git-headers@kubernetescrd,") }), Fail, []string{"EDG-05"}},
		{"a middleware without its provider", inEdge(func(e *facts.Edge) { e.Ingresses[0].Middlewares = []string{"edge-git-headers"} }), Fail, []string{"EDG-05"}},
		{"a middleware of a file", inEdge(func(e *facts.Edge) { e.Ingresses[0].Middlewares = []string{"mine@file"} }), Pass, nil},
	}
}

func certificateMutations() []mutation {
	shown := func(change func(*look.Cert)) func(*facts.Facts, Policy) {
		return onWire(dialTLS(gitHost), func(a *look.DialAnswer) { change(a.Cert) })
	}
	booked := func(change func(*facts.Certificate)) func(*facts.Facts, Policy) {
		return inEdge(func(e *facts.Edge) { change(&e.Certificates[0]) })
	}
	return []mutation{
		{"20 days", shown(func(c *look.Cert) { c.NotBefore, c.NotAfter = day(-70), day(20) }), Fail, []string{"EDG-06"}},
		{"a short life, in its middle", shown(func(c *look.Cert) { c.NotBefore, c.NotAfter = day(-25), day(20) }), Pass, nil},
		{"a short life, at its end", shown(func(c *look.Cert) { c.NotBefore, c.NotAfter = day(-36), day(9) }), Fail, []string{"EDG-06"}},
		{"ended", shown(func(c *look.Cert) { c.NotAfter = day(-1) }), Fail, []string{"EDG-06"}},
		{"not yet", shown(func(c *look.Cert) { c.NotBefore = day(1) }), Fail, []string{"EDG-06"}},
		{"its issuer ends", shown(func(c *look.Cert) { c.ChainEnd = day(3) }), Fail, []string{"EDG-06"}},
		{"another name", shown(func(c *look.Cert) { c.Names = []string{"example.org"} }), Fail, []string{"EDG-06"}},
		{"a trial's", shown(func(c *look.Cert) { c.Issuer = "CN=(STAGING) Riddling Rhubarb R12" }), Fail, []string{"EDG-06"}},
		{"Traefik's own", shown(func(c *look.Cert) { c.Subject = "CN=TRAEFIK DEFAULT CERT" }), Fail, []string{"EDG-06"}},
		{"no time", shown(func(c *look.Cert) { c.NotAfter = "soon" }), Fail, []string{"EDG-06"}},
		{"nobody at 443", onWire(dialTLS(gitHost), func(a *look.DialAnswer) { *a = look.DialAnswer{Outcome: look.Refused, Err: "refused"} }), Unknown, []string{"EDG-05", "EDG-06"}},
		{"not issued", booked(func(c *facts.Certificate) { c.Ready, c.Reason = false, "DoesNotExist: Issuing" }), Fail, []string{"EDG-06"}},
		{"not renewed", booked(func(c *facts.Certificate) { c.NotBefore, c.NotAfter = day(-85), day(5) }), Fail, []string{"EDG-06"}},
	}
}

func insideMutations() []mutation {
	to := func(address string) func(*facts.Facts, Policy) {
		return inEdge(func(e *facts.Edge) {
			e.Ingresses = append(e.Ingresses, facts.Route{Kind: "Ingress", Namespace: "apps", Name: "mine", Options: "k3sedge-system-tls@kubernetescrd", Services: []string{"apps/mine"}})
			e.Slices = append(e.Slices, facts.EndpointSlice{Namespace: "apps", Name: "mine-1", Service: "mine", Addresses: []string{address}, Ports: []int{80}})
		})
	}
	return []mutation{
		{"to loopback", to("127.0.0.1"), Fail, []string{"EDG-07"}},
		{"to loopback in IPv6's words", to("::ffff:127.0.0.1"), Fail, []string{"EDG-07"}},
		{"to link-local", to("169.254.169.254"), Fail, []string{"EDG-07"}},
		{"to many", to("224.0.0.1"), Fail, []string{"EDG-07"}},
		{"to the node", to("10.0.0.11"), Fail, []string{"EDG-07"}},
		{"to another node", to("10.0.0.12"), Fail, []string{"EDG-07"}},
		{"to a pod", to("10.42.3.4"), Fail, []string{"EDG-07"}},
		{"to a service", to("10.43.0.1"), Fail, []string{"EDG-07"}},
		{"to the LAN", to("10.0.1.9"), Pass, nil},
		{"to a name", to("nas.lan"), Unknown, []string{"EDG-07"}},
		{"pods by their controller", func(f *facts.Facts, p Policy) {
			to("10.42.3.4")(f, p)
			f.Cluster.Edge.Slices[len(f.Cluster.Edge.Slices)-1].ManagedBy = "endpointslice-controller.k8s.io"
		}, Pass, nil},
		{"to a server that no file names", inEdge(func(e *facts.Edge) { e.Slices[0].Addresses = []string{"10.0.0.99"} }), Fail, []string{"EDG-07"}},
		{"to another port", inEdge(func(e *facts.Edge) { e.Slices[0].Ports = []int{22} }), Fail, []string{"EDG-07"}},
		{"of a service without a file", inEdge(func(e *facts.Edge) { e.Slices[0].Of = "gone" }), Fail, []string{"EDG-07"}},
		{"to the API", inEdge(func(e *facts.Edge) {
			e.IngressRouteTCPs = []facts.Route{{Kind: "IngressRouteTCP", Namespace: "default", Name: "api", Services: []string{"default/kubernetes"}, Passthrough: true}}
		}), Fail, []string{"EDG-07"}},
		{"by somebody who splits", inEdge(func(e *facts.Edge) {
			e.IngressRouteTCPs = []facts.Route{{Kind: "IngressRouteTCP", Namespace: "default", Name: "some", Services: []string{"default/*"}}}
		}), Fail, []string{"EDG-07"}},
		{"across namespaces", argument("--providers.kubernetescrd.allowCrossNamespace=true"), Fail, []string{"EDG-07"}},
		{"names of hosts", argument("--providers.kubernetesingress.allowexternalnameservices"), Fail, []string{"EDG-07"}},
	}
}

func bypassMutations() []mutation {
	const server = "10.0.0.50:3000"
	fromHere := func(outcome look.Outcome) func(*facts.Facts, Policy) {
		return inEdge(func(e *facts.Edge) { e.Bypass[server] = look.DialAnswer{Outcome: outcome} })
	}
	return []mutation{
		{"a server that answers everybody", fromHere(look.Answered), Fail, []string{"EDG-08"}},
		{"a server that refuses everybody but the nodes", fromHere(look.Refused), Pass, nil},
		{"a server that answers nobody", onWire(dialServer(server), func(a *look.DialAnswer) { a.Outcome = look.TimedOut }), Unknown, []string{"EDG-08"}},
		{"a server not tried from here", inEdge(func(e *facts.Edge) { delete(e.Bypass, server) }), Unknown, []string{"EDG-08"}},
		{"a server not tried from the node", func(f *facts.Facts, _ Policy) { delete(f.Wire, dialServer(server)) }, Unknown, []string{"EDG-08"}},
	}
}

func tunnelMutations() []mutation {
	return []mutation{
		{"one connector", func(f *facts.Facts, _ Policy) {
			f.Cluster.Pods = slices.DeleteFunc(f.Cluster.Pods, func(pod facts.Pod) bool { return pod.Name == "cloudflared-2" })
		}, Fail, []string{"EDG-09"}},
		{"connectors that wait", inConnectors(func(pod *facts.Pod) { pod.Phase = "Pending" }), Fail, []string{"EDG-09"}},
		{"a token in the arguments", inConnectors(func(pod *facts.Pod) { pod.Containers[0].Args = []string{"tunnel", "run", "--token", "x"} }), Fail, []string{"EDG-09"}},
		{"a token as text", inConnectors(func(pod *facts.Pod) { pod.Containers[0].Env[0].Inline = true }), Fail, []string{"EDG-09"}},
		{"a namespace for everything", func(f *facts.Facts, _ Policy) {
			for i := range f.Cluster.Namespaces {
				f.Cluster.Namespaces[i].Labels = nil
			}
		}, Fail, []string{"EDG-09"}},
		{"on the nodes' network", tunnelAlone(nil), Pass, nil},
		{"on the nodes' network, with another pod", tunnelAlone(func(c *facts.Cluster) {
			c.Pods = append(c.Pods, facts.Pod{Object: facts.Object{Namespace: "cloudflared", Name: "x"}, HostNetwork: true, Phase: "Running", Containers: []facts.Container{{Image: "x"}}})
		}), Fail, []string{"EDG-09", "K3S-05"}},
		{"on the nodes' network, and privileged", tunnelAlone(func(c *facts.Cluster) {
			for i := range c.Pods {
				if c.Pods[i].Namespace == "cloudflared" {
					c.Pods[i].Containers = slices.Clone(c.Pods[i].Containers)
					c.Pods[i].Containers[0].Privileged = true
				}
			}
		}), Fail, []string{"EDG-09", "K3S-05"}},
		{"no cloudflared", func(f *facts.Facts, _ Policy) {
			f.Cluster.Pods = slices.DeleteFunc(f.Cluster.Pods, func(pod facts.Pod) bool { return pod.Namespace == "cloudflared" })
		}, NotApplicable, []string{"EDG-09"}},
	}
}

// tunnelAlone puts the connectors on the nodes' own network, in a namespace for that.
func tunnelAlone(more func(*facts.Cluster)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		for i := range f.Cluster.Namespaces {
			if f.Cluster.Namespaces[i].Name == "cloudflared" {
				f.Cluster.Namespaces[i].Labels = map[string]string{enforceLabel: "privileged"}
			}
		}
		for i := range f.Cluster.Pods {
			if f.Cluster.Pods[i].Namespace == "cloudflared" {
				f.Cluster.Pods[i].HostNetwork = true
			}
		}
		if more != nil {
			more(f.Cluster)
		}
	}
}
