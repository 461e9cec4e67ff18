package inventory

import (
	"net/netip"
	"strings"
)

// Service is services/NAME.yaml: one off-cluster service behind the edge.
type Service struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"` // Service
	Name       string `yaml:"name"`
	// Host is the name under which it is reached; *.example.org for all of
	// one level. Load turns other than ASCII letters into their xn-- form.
	Host string `yaml:"host"`
	// To are the servers, address:port. All get requests in turn.
	To     []string `yaml:"to"`
	Expose Expose   `yaml:"expose,omitempty"`
	// Scheme is what the servers speak.
	Scheme Scheme `yaml:"scheme,omitempty"`
	// Passthrough hands connections over unopened, chosen by the name that the
	// client asks for: the servers end TLS themselves.
	Passthrough bool `yaml:"passthrough,omitempty"`
	// TLS says how to judge the servers' certificates with scheme https.
	TLS *BackendTLS `yaml:"tls,omitempty"`
	// Preset is the starting point of headers and limits.
	Preset    Preset    `yaml:"preset,omitempty"`
	RateLimit RateLimit `yaml:"rateLimit,omitempty"`
	// Allow are the only clients that may come; empty allows everybody.
	Allow     []netip.Prefix `yaml:"allow,omitempty"`
	BasicAuth *BasicAuth     `yaml:"basicAuth,omitempty"`
	Headers   *Headers       `yaml:"headers,omitempty"`
	// Middlewares are further ones that are in the cluster already, as
	// NAMESPACE-NAME@kubernetescrd. They come after ours.
	Middlewares []string `yaml:"middlewares,omitempty"`
}

// SomeHost is a host that the service answers to: its own, or one of those for
// which its wildcard stands.
func (s Service) SomeHost() string {
	if name, wildcard := strings.CutPrefix(s.Host, "*."); wildcard {
		return "k3sedge-probe." + name
	}
	return s.Host
}

// Expose says who may reach a service.
type Expose string

// The values of Expose.
const (
	ExposeLAN    Expose = "lan" // the default
	ExposePublic Expose = "public"
)

// Scheme is the protocol of the servers.
type Scheme string

// The schemes.
const (
	SchemeHTTP  Scheme = "http" // the default
	SchemeHTTPS Scheme = "https"
)

// BackendTLS says how certificates of the servers are judged. Without it the
// public authorities are trusted for the service's host.
type BackendTLS struct {
	CA         string `yaml:"ca,omitempty"` // file:PATH of a PEM file
	ServerName string `yaml:"serverName,omitempty"`
	// Insecure takes any certificate. It has to be said explicitly.
	Insecure bool `yaml:"insecure,omitempty"`
}

// Preset is a set of headers and limits that suits a kind of application.
type Preset string

// The presets. Web is the default; see addons for what each one sets.
const (
	PresetWeb    Preset = "web"
	PresetAPI    Preset = "api"
	PresetMedia  Preset = "media"
	PresetUpload Preset = "upload"
	PresetStrict Preset = "strict"
)

// BasicAuth asks for a name and a password.
type BasicAuth struct {
	// Users are lines of htpasswd, bcrypt or apr1.
	Users SecretRef `yaml:"users"`
}

// Headers are response headers that the edge sets. What is left out comes
// from the preset; "off" leaves a header of the application alone.
type Headers struct {
	// HSTS is the max-age of Strict-Transport-Security, such as 300s, 24h or 8760h.
	HSTS string `yaml:"hsts,omitempty"`
	// HSTSPreload asks for includeSubDomains and preload as well.
	HSTSPreload bool `yaml:"hstsPreload,omitempty"`
	// CSP replaces the application's own Content-Security-Policy.
	CSP string `yaml:"csp,omitempty"`
	// CSPReportOnly only reports what the policy would block.
	CSPReportOnly     bool   `yaml:"cspReportOnly,omitempty"`
	PermissionsPolicy string `yaml:"permissionsPolicy,omitempty"`
	ReferrerPolicy    string `yaml:"referrerPolicy,omitempty"`
	Frame             string `yaml:"frame,omitempty"` // deny, sameorigin, off
}
