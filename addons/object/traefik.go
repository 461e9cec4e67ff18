package object

const traefikGroup = "traefik.io"

// Middleware is a traefik.io/v1alpha1 Middleware. Exactly one field of its
// spec is set: Traefik refuses an object with two.
type Middleware struct {
	Meta `json:"-"`
	Spec MiddlewareSpec `json:"spec"`
}

// MiddlewareSpec is the kinds of middlewares that we use.
type MiddlewareSpec struct {
	Headers     *Headers     `json:"headers,omitempty"`
	RateLimit   *RateLimit   `json:"rateLimit,omitempty"`
	IPAllowList *IPAllowList `json:"ipAllowList,omitempty"`
	BasicAuth   *BasicAuth   `json:"basicAuth,omitempty"`
	Compress    *Compress    `json:"compress,omitempty"`
}

// Headers are response headers. They take the place of those of the application.
type Headers struct {
	STSSeconds              int64             `json:"stsSeconds,omitempty"`
	STSIncludeSubdomains    bool              `json:"stsIncludeSubdomains,omitempty"`
	STSPreload              bool              `json:"stsPreload,omitempty"`
	ForceSTSHeader          bool              `json:"forceSTSHeader,omitempty"` // on plain HTTP, as on the tunnel's entrypoint, too
	ContentTypeNosniff      bool              `json:"contentTypeNosniff,omitempty"`
	CustomFrameOptionsValue string            `json:"customFrameOptionsValue,omitempty"`
	ReferrerPolicy          string            `json:"referrerPolicy,omitempty"`
	ContentSecurityPolicy   string            `json:"contentSecurityPolicy,omitempty"`
	CSPReportOnly           string            `json:"contentSecurityPolicyReportOnly,omitempty"`
	CustomResponseHeaders   map[string]string `json:"customResponseHeaders,omitempty"`
}

// RateLimit is a limit for each source of requests.
type RateLimit struct {
	Average         int64           `json:"average"`
	Period          string          `json:"period"`
	Burst           int64           `json:"burst"`
	SourceCriterion SourceCriterion `json:"sourceCriterion"`
}

// SourceCriterion says what a source is: exactly one field is set.
type SourceCriterion struct {
	IPStrategy        *IPStrategy `json:"ipStrategy,omitempty"`
	RequestHeaderName string      `json:"requestHeaderName,omitempty"`
}

// IPStrategy takes the client's address: that of the connection, or with a
// Depth the one that stands so far from the end of X-Forwarded-For.
type IPStrategy struct {
	Depth      int `json:"depth,omitempty"`
	IPv6Subnet int `json:"ipv6Subnet"` // bits of an IPv6 address that make one source
}

// IPAllowList lets only the clients of these ranges through.
type IPAllowList struct {
	SourceRange []string `json:"sourceRange"`
}

// BasicAuth asks for a name and a password.
type BasicAuth struct {
	Secret       string `json:"secret"`
	RemoveHeader bool   `json:"removeHeader"`
}

// Compress compresses answers of other types than these.
type Compress struct {
	ExcludedContentTypes []string `json:"excludedContentTypes"`
}

// Kind implements Object.
func (Middleware) Kind() Kind {
	return Kind{traefikGroup, "v1alpha1", "Middleware", "middlewares", false}
}

// TLSOption is a traefik.io/v1alpha1 TLSOption.
type TLSOption struct {
	Meta `json:"-"`
	Spec TLSOptionSpec `json:"spec"`
}

// TLSOptionSpec says what is asked of a client's TLS.
type TLSOptionSpec struct {
	MinVersion   string   `json:"minVersion"`
	CipherSuites []string `json:"cipherSuites"` // of TLS 1.2
	SNIStrict    bool     `json:"sniStrict"`
}

// Kind implements Object.
func (TLSOption) Kind() Kind {
	return Kind{traefikGroup, "v1alpha1", "TLSOption", "tlsoptions", false}
}

// ServersTransport is a traefik.io/v1alpha1 ServersTransport.
type ServersTransport struct {
	Meta `json:"-"`
	Spec ServersTransportSpec `json:"spec"`
}

// ServersTransportSpec says how Traefik connects to servers.
type ServersTransportSpec struct {
	ServerName         string             `json:"serverName,omitempty"`
	RootCAs            []RootCA           `json:"rootCAs,omitempty"`
	InsecureSkipVerify bool               `json:"insecureSkipVerify,omitempty"`
	ForwardingTimeouts ForwardingTimeouts `json:"forwardingTimeouts"`
}

// RootCA is a Secret with an authority's certificate as ca.crt.
type RootCA struct {
	Secret string `json:"secret"`
}

// ForwardingTimeouts bound the stages of a request to a server.
type ForwardingTimeouts struct {
	DialTimeout string `json:"dialTimeout"`
}

// Kind implements Object.
func (ServersTransport) Kind() Kind {
	return Kind{traefikGroup, "v1alpha1", "ServersTransport", "serverstransports", false}
}

// TLSStore is a traefik.io/v1alpha1 TLSStore.
type TLSStore struct {
	Meta `json:"-"`
	Spec TLSStoreSpec `json:"spec"`
}

// TLSStoreSpec names Secrets of its namespace whose certificates Traefik shows
// for any host that is in them, whatever namespace the host's route is in.
type TLSStoreSpec struct {
	Certificates []StoredCertificate `json:"certificates"`
}

// StoredCertificate is a Secret of type kubernetes.io/tls.
type StoredCertificate struct {
	SecretName string `json:"secretName"`
}

// Kind implements Object.
func (TLSStore) Kind() Kind {
	return Kind{traefikGroup, "v1alpha1", "TLSStore", "tlsstores", false}
}
