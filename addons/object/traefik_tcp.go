package object

// IngressRouteTCP is a traefik.io/v1alpha1 IngressRouteTCP.
type IngressRouteTCP struct {
	Meta `json:"-"`
	Spec IngressRouteTCPSpec `json:"spec"`
}

// IngressRouteTCPSpec is routes by the name that a client asks for, before
// anything that it says inside of TLS.
type IngressRouteTCPSpec struct {
	EntryPoints []string   `json:"entryPoints"`
	Routes      []RouteTCP `json:"routes"`
	TLS         RouteTLS   `json:"tls"`
}

// RouteTCP hands connections to a Service.
type RouteTCP struct {
	Match       string          `json:"match"`
	Middlewares []MiddlewareRef `json:"middlewares,omitempty"`
	Services    []ServiceTCP    `json:"services"`
}

// MiddlewareRef names a MiddlewareTCP of the route's own namespace.
type MiddlewareRef struct {
	Name string `json:"name"`
}

// ServiceTCP is a port of a Service, by its name.
type ServiceTCP struct {
	Name string `json:"name"`
	Port string `json:"port"`
}

// RouteTLS says who ends TLS.
type RouteTLS struct {
	Passthrough bool `json:"passthrough"` // the servers do
}

// Kind implements Object.
func (IngressRouteTCP) Kind() Kind {
	return Kind{traefikGroup, "v1alpha1", "IngressRouteTCP", "ingressroutetcps", false}
}

// MiddlewareTCP is a traefik.io/v1alpha1 MiddlewareTCP.
type MiddlewareTCP struct {
	Meta `json:"-"`
	Spec MiddlewareTCPSpec `json:"spec"`
}

// MiddlewareTCPSpec is the one kind of them that we use.
type MiddlewareTCPSpec struct {
	IPAllowList IPAllowList `json:"ipAllowList"`
}

// Kind implements Object.
func (MiddlewareTCP) Kind() Kind {
	return Kind{traefikGroup, "v1alpha1", "MiddlewareTCP", "middlewaretcps", false}
}
