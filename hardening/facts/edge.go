package facts

import "github.com/k3sedge/k3sedge/provision/machine/look"

// Edge is what the Kubernetes API says of the ways in. Like the lists of
// Cluster, one that could not be had is nil, and one that is empty is not.
type Edge struct {
	Ingresses        []Route         `json:"ingresses"` // those that Traefik follows
	IngressRoutes    []Route         `json:"ingressRoutes"`
	IngressRouteTCPs []Route         `json:"ingressRouteTCPs"`
	Middlewares      []Middleware    `json:"middlewares"`
	TLSOptions       []TLSOption     `json:"tlsOptions"`
	Slices           []EndpointSlice `json:"slices"`
	Certificates     []Certificate   `json:"certificates"` // cert-manager's; none where it is not installed
	// Bypass is what came of trying the services' servers from the operator's
	// machine, by address; nil where nobody did.
	Bypass map[string]look.DialAnswer `json:"bypass"`
}

// Route is one object that sends requests to Services.
type Route struct {
	Kind      string   `json:"kind"` // Ingress, IngressRoute, IngressRouteTCP
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Hosts     []string `json:"hosts"`   // of an Ingress
	Entries   []string `json:"entries"` // entrypoints; none stands for Traefik's default
	TLS       bool     `json:"tls"`     // it says so itself; an entrypoint may say it for all
	// Passthrough is true where the server itself speaks TLS with the client.
	Passthrough bool `json:"passthrough"`
	// Options names TLS options as NAMESPACE-NAME@kubernetescrd, "" for the default ones.
	Options     string   `json:"options"`
	Middlewares []string `json:"middlewares"` // as NAMESPACE-NAME@kubernetescrd
	Services    []string `json:"services"`    // NAMESPACE/NAME, NAMESPACE/* where one of them is not named, or NAME@internal for what Traefik serves itself
}

// Middleware is one that routes may name, as far as controls look at it.
type Middleware struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	HSTS      int64  `json:"hsts"` // seconds
	Nosniff   bool   `json:"nosniff"`
}

// TLSOption says what is asked of a client's TLS.
type TLSOption struct {
	Namespace  string   `json:"namespace"`
	Name       string   `json:"name"`
	MinVersion string   `json:"minVersion"`
	Suites     []string `json:"suites"`
	SNIStrict  bool     `json:"sniStrict"`
}

// EndpointSlice is the servers behind a Service.
type EndpointSlice struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Service   string `json:"service"`
	// ManagedBy is who says that he keeps it; k3sedge, or a controller of Kubernetes.
	ManagedBy string   `json:"managedBy"`
	Of        string   `json:"of"` // the service of k3sedge that it belongs to, "" for others
	Addresses []string `json:"addresses"`
	Ports     []int    `json:"ports"`
}

// Certificate is one of cert-manager's.
type Certificate struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Hosts     []string `json:"hosts"`
	Ready     bool     `json:"ready"`
	Reason    string   `json:"reason"` // why it is not ready
	NotBefore string   `json:"notBefore"`
	NotAfter  string   `json:"notAfter"`
}
