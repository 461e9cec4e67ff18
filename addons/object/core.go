package object

import "github.com/k3sedge/k3sedge/inventory"

// Namespace is a v1 Namespace.
type Namespace struct {
	Meta `json:"-"`
}

// Kind implements Object.
func (Namespace) Kind() Kind { return Kind{"", "v1", "Namespace", "namespaces", true} }

// Service is a v1 Service.
type Service struct {
	Meta `json:"-"`
	Spec ServiceSpec `json:"spec"`
}

// ServiceSpec is a Service without a selector: its EndpointSlices are ours.
type ServiceSpec struct {
	ClusterIP string        `json:"clusterIP"` // None: headless
	Ports     []ServicePort `json:"ports"`
}

// ServicePort is a port of a Service.
type ServicePort struct {
	Name     string `json:"name"`
	Port     uint16 `json:"port"`
	Protocol string `json:"protocol"`
}

// Kind implements Object.
func (Service) Kind() Kind { return Kind{"", "v1", "Service", "services", false} }

// EndpointSlice is a discovery.k8s.io/v1 EndpointSlice.
type EndpointSlice struct {
	Meta        `json:"-"`
	AddressType string         `json:"addressType"` // IPv4 or IPv6; it cannot be changed later
	Ports       []EndpointPort `json:"ports"`
	Endpoints   []Endpoint     `json:"endpoints"`
}

// EndpointPort is the port of all addresses of a slice. Its number is always
// written, because Traefik falls over a slice that has none.
type EndpointPort struct {
	Name     string `json:"name"` // that of the Service's port
	Port     uint16 `json:"port"`
	Protocol string `json:"protocol"`
}

// Endpoint is one server.
type Endpoint struct {
	Addresses  []string   `json:"addresses"`
	Conditions Conditions `json:"conditions"`
}

// Conditions are always all written: routes for TCP and the Gateway API leave
// out a server that is not said to be ready.
type Conditions struct {
	Ready       bool `json:"ready"`
	Serving     bool `json:"serving"`
	Terminating bool `json:"terminating"`
}

// Kind implements Object.
func (EndpointSlice) Kind() Kind {
	return Kind{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", false}
}

// Secret is a v1 Secret of type Opaque.
type Secret struct {
	Meta `json:"-"`
	Type string `json:"type"`
	// Data is what anybody may see, such as a certificate; Hidden is what
	// only the API is told.
	Data   map[string][]byte           `json:"-"`
	Hidden map[string]inventory.Secret `json:"-"`
	// From says for people where a hidden value comes from.
	From map[string]string `json:"-"`
}

// Kind implements Object.
func (Secret) Kind() Kind { return Kind{"", "v1", "Secret", "secrets", false} }

// Ingress is a networking.k8s.io/v1 Ingress.
type Ingress struct {
	Meta `json:"-"`
	Spec IngressSpec `json:"spec"`
}

// IngressSpec is the routes of an Ingress and their certificates.
type IngressSpec struct {
	IngressClassName string        `json:"ingressClassName"`
	TLS              []IngressTLS  `json:"tls,omitempty"`
	Rules            []IngressRule `json:"rules"`
}

// IngressTLS names the Secret with the certificate of hosts.
type IngressTLS struct {
	Hosts      []string `json:"hosts"`
	SecretName string   `json:"secretName"`
}

// IngressRule is the routes of one host.
type IngressRule struct {
	Host string      `json:"host"`
	HTTP IngressHTTP `json:"http"`
}

// IngressHTTP is the paths of a host.
type IngressHTTP struct {
	Paths []IngressPath `json:"paths"`
}

// IngressPath sends a path to a Service.
type IngressPath struct {
	Path     string         `json:"path"`
	PathType string         `json:"pathType"`
	Backend  IngressBackend `json:"backend"`
}

// IngressBackend is where requests go.
type IngressBackend struct {
	Service IngressService `json:"service"`
}

// IngressService is a port of a Service.
type IngressService struct {
	Name string      `json:"name"`
	Port IngressPort `json:"port"`
}

// IngressPort is a port by its name.
type IngressPort struct {
	Name string `json:"name"`
}

// Kind implements Object.
func (Ingress) Kind() Kind {
	return Kind{"networking.k8s.io", "v1", "Ingress", "ingresses", false}
}
