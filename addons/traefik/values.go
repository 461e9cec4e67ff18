package traefik

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
)

// TunnelPort is the loopback entrypoint at which cloudflared hands over. A
// host without an Ingress on it cannot be reached from the internet.
const TunnelPort = 8444

// The entrypoints by their names in Ingress annotations.
const (
	EntryPointWeb       = "web"
	EntryPointWebSecure = "websecure"
	EntryPointTunnel    = "tunnel"
)

const loopback = "127.0.0.1"

// values are the chart's values that we set. The rest is left to the chart
// and to K3s; of lists, ours would replace theirs.
type values struct {
	Deployment          deployment         `yaml:"deployment"`
	HostNetwork         bool               `yaml:"hostNetwork"`
	UpdateStrategy      updateStrategy     `yaml:"updateStrategy"`
	Service             enabled            `yaml:"service"`
	Ports               map[string]port    `yaml:"ports"`
	Providers           providers          `yaml:"providers"`
	IngressRoute        ingressRoute       `yaml:"ingressRoute"`
	SecurityContext     securityContext    `yaml:"securityContext"`
	PodSecurityContext  podSecurityContext `yaml:"podSecurityContext"`
	AdditionalArguments []string           `yaml:"additionalArguments,omitempty"`
}

type deployment struct {
	Kind      string `yaml:"kind"`
	DNSPolicy string `yaml:"dnsPolicy"`
}

type updateStrategy struct {
	Type          string        `yaml:"type"`
	RollingUpdate rollingUpdate `yaml:"rollingUpdate"`
}

type rollingUpdate struct {
	MaxUnavailable int `yaml:"maxUnavailable"`
	MaxSurge       int `yaml:"maxSurge"`
}

type enabled struct {
	Enabled bool `yaml:"enabled"`
}

// port is an entrypoint. Redirections and TLS stand below HTTP from chart 39
// on, and beside it before.
type port struct {
	Port             int               `yaml:"port"`
	HostPort         int               `yaml:"hostPort,omitempty"`
	HostIP           string            `yaml:"hostIP,omitempty"`
	Protocol         string            `yaml:"protocol,omitempty"`
	AsDefault        bool              `yaml:"asDefault,omitempty"`
	HTTP             *entryHTTP        `yaml:"http,omitempty"`
	Flat             entryHTTP         `yaml:",inline"` // charts before 39
	ForwardedHeaders *forwardedHeaders `yaml:"forwardedHeaders,omitempty"`
	Transport        *transport        `yaml:"transport,omitempty"`
}

type entryHTTP struct {
	Redirections *redirections `yaml:"redirections,omitempty"`
	TLS          *enabled      `yaml:"tls,omitempty"`
}

type redirections struct {
	EntryPoint redirection `yaml:"entryPoint"`
}

type redirection struct {
	To        string `yaml:"to"`
	Scheme    string `yaml:"scheme"`
	Permanent bool   `yaml:"permanent"`
}

type forwardedHeaders struct {
	TrustedIPs []string `yaml:"trustedIPs"`
}

type transport struct {
	RespondingTimeouts respondingTimeouts `yaml:"respondingTimeouts"`
}

type respondingTimeouts struct {
	ReadTimeout int `yaml:"readTimeout"`
}

type providers struct {
	KubernetesCRD     crdProvider     `yaml:"kubernetesCRD"`
	KubernetesIngress ingressProvider `yaml:"kubernetesIngress"`
}

type crdProvider struct {
	AllowCrossNamespace       bool `yaml:"allowCrossNamespace"`
	AllowExternalNameServices bool `yaml:"allowExternalNameServices"`
	AllowEmptyServices        bool `yaml:"allowEmptyServices"`
}

type ingressProvider struct {
	AllowEmptyServices bool    `yaml:"allowEmptyServices"`
	PublishedService   enabled `yaml:"publishedService"`
}

type ingressRoute struct {
	Dashboard dashboard `yaml:"dashboard"`
}

type dashboard struct {
	Enabled     bool     `yaml:"enabled"`
	EntryPoints []string `yaml:"entryPoints"`
}

type securityContext struct {
	AllowPrivilegeEscalation bool         `yaml:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool         `yaml:"readOnlyRootFilesystem"`
	Capabilities             capabilities `yaml:"capabilities"`
}

type capabilities struct {
	Drop []string `yaml:"drop"`
}

type podSecurityContext struct {
	RunAsUser      int            `yaml:"runAsUser"`
	RunAsGroup     int            `yaml:"runAsGroup"`
	RunAsNonRoot   bool           `yaml:"runAsNonRoot"`
	SeccompProfile seccompProfile `yaml:"seccompProfile"`
}

type seccompProfile struct {
	Type string `yaml:"type"`
}

// newValues says how Traefik is to run on the cluster's nodes, in the words of the chart.
func newValues(c inventory.Cluster, chart Chart, ranges []netip.Prefix) values {
	const nobody = 65532
	v := values{
		Deployment:  deployment{Kind: "DaemonSet", DNSPolicy: "ClusterFirstWithHostNet"},
		HostNetwork: true,
		// On the host network the old pod has to free the ports first.
		UpdateStrategy: updateStrategy{Type: "RollingUpdate", RollingUpdate: rollingUpdate{MaxUnavailable: 1}},
		Ports:          newPorts(c, chart, ranges),
		Providers: providers{
			KubernetesCRD:     crdProvider{AllowEmptyServices: true},
			KubernetesIngress: ingressProvider{AllowEmptyServices: true},
		},
		IngressRoute:    ingressRoute{dashboard{Enabled: true, EntryPoints: []string{"traefik"}}},
		SecurityContext: securityContext{ReadOnlyRootFilesystem: true, Capabilities: capabilities{Drop: []string{"ALL"}}},
		PodSecurityContext: podSecurityContext{
			RunAsUser: nobody, RunAsGroup: nobody, RunAsNonRoot: true, SeccompProfile: seccompProfile{"RuntimeDefault"},
		},
	}
	// A route, its middlewares and its certificate come one after the other.
	// Traefik takes the first at once and would let two seconds go by before
	// the next; this is often enough for people, and seldom enough for a node.
	v.AdditionalArguments = []string{"--providers.providersthrottleduration=250ms"}
	if len(c.Nodes) > 0 {
		// Without a Service there is nothing to copy an Ingress' status from,
		// and others take an Ingress without one for unfinished. Charts
		// before 40 have no key for the address; the argument suits all.
		v.AdditionalArguments = append(v.AdditionalArguments, "--providers.kubernetesingress.ingressendpoint.ip="+c.Nodes[0].Address.String())
	}
	return v
}

func modeOf(c inventory.Cluster) inventory.EdgeMode {
	if c.Edge == nil {
		return inventory.EdgeLAN
	}
	return c.Edge.Mode
}

func newPorts(c inventory.Cluster, chart Chart, ranges []netip.Prefix) map[string]port {
	// Traefik cuts off uploads after a minute unless it is told otherwise.
	patient := &transport{}
	web := port{Port: 80, HostPort: 80}
	// Without a default, an Ingress that names no entrypoint would be on all
	// of them, the tunnel's too.
	secure := port{Port: 443, HostPort: 443, AsDefault: true, Transport: patient}
	web.setHTTP(chart, entryHTTP{Redirections: &redirections{redirection{To: EntryPointWebSecure, Scheme: "https", Permanent: true}}})
	secure.setHTTP(chart, entryHTTP{TLS: &enabled{true}})
	if modeOf(c) == inventory.EdgePortForward {
		trusted := &forwardedHeaders{}
		for _, r := range ranges {
			trusted.TrustedIPs = append(trusted.TrustedIPs, r.String())
		}
		web.ForwardedHeaders, secure.ForwardedHeaders = trusted, trusted
	}
	ports := map[string]port{
		"traefik":           {Port: 8080, HostIP: loopback},
		"metrics":           {Port: 9101, HostIP: loopback}, // 9100 is node_exporter's
		EntryPointWeb:       web,
		EntryPointWebSecure: secure,
	}
	if modeOf(c) == inventory.EdgeTunnel {
		ports[EntryPointTunnel] = port{
			Port: TunnelPort, HostIP: loopback, Protocol: "TCP",
			ForwardedHeaders: &forwardedHeaders{[]string{loopback + "/32"}}, Transport: patient,
		}
	}
	return ports
}

// setHTTP puts h where the chart looks for it.
func (p *port) setHTTP(chart Chart, h entryHTTP) {
	if chart.Major >= nestedMajor {
		p.HTTP = &h
		return
	}
	p.Flat = h
}

// args are arguments of Traefik that the values lead to. A chart that does not
// know a key leaves it out silently; these must be there all the same.
func (v values) args() []string {
	args := []string{
		"--entryPoints.web.http.redirections.entryPoint.to=:443",
		"--entryPoints.websecure.http.tls=true",
		"--entryPoints.websecure.asDefault=true",
	}
	for name, p := range v.Ports {
		entry := "--entryPoints." + name
		args = append(args, fmt.Sprintf("%s.address=%s:%d/tcp", entry, p.HostIP, p.Port))
		if p.ForwardedHeaders != nil {
			args = append(args, entry+".forwardedHeaders.trustedIPs="+strings.Join(p.ForwardedHeaders.TrustedIPs, ","))
		}
		if p.Transport != nil {
			args = append(args, entry+".transport.respondingTimeouts.readTimeout=0")
		}
	}
	slices.Sort(args)
	return args
}

// differingArgs compares arguments as Traefik does, without regard to case:
// those of want that are missing, and entrypoints that nobody wants.
func differingArgs(have, want []string) (missing, extra []string) {
	missing = without(want, have)
	for _, a := range without(have, want) {
		if l := strings.ToLower(a); strings.HasPrefix(l, "--entrypoints.") && strings.Contains(l, ".address=") {
			extra = append(extra, a)
		}
	}
	return missing, extra
}

// without returns what is in list but not in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(a string) bool {
		return slices.ContainsFunc(other, func(b string) bool { return strings.EqualFold(a, b) })
	})
}
