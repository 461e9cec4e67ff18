package look

// Dial is a server elsewhere that the host shall try to reach.
type Dial struct {
	Address string `json:"address"` // address:port
	// Source is the address to connect from; empty leaves it to the routes.
	Source string `json:"source,omitempty"`
	// TLS tries a handshake after the connection stands, and HTTP a GET of
	// Path. Without both, a connection that stands is the answer.
	TLS        bool   `json:"tls,omitempty"`
	ServerName string `json:"serverName,omitempty"`
	CA         []byte `json:"ca,omitempty"` // PEM; judged against the host's own roots when empty
	// AnyCert goes on after a certificate that is not trusted. The answer
	// still shows it, and what came after is the outcome.
	AnyCert bool `json:"anyCert,omitempty"`
	// Old offers nothing newer than TLS 1.1, Weak only suites of TLS 1.2 that
	// lack forward secrecy or authenticated encryption: a server that takes
	// either shows itself.
	Old    bool   `json:"old,omitempty"`
	Weak   bool   `json:"weak,omitempty"`
	HTTP   bool   `json:"http,omitempty"`
	Host   string `json:"host,omitempty"` // header
	Path   string `json:"path,omitempty"`
	Millis int    `json:"millis"` // time for all of it, in milliseconds
}

// Outcome is how far a Dial came, the first thing that failed.
type Outcome string

// The outcomes of a Dial.
const (
	Answered    Outcome = "answered"
	Refused     Outcome = "refused"
	TimedOut    Outcome = "timed out"
	Unreachable Outcome = "unreachable" // no route, or an ICMP error
	NotTLS      Outcome = "not tls"     // a handshake was answered in the clear
	NotHTTP     Outcome = "not http"    // something answered that is no HTTP
	WantsTLS    Outcome = "wants tls"   // plain HTTP was answered by a TLS alert, or by a page that says so
	BadCert     Outcome = "bad certificate"
	Broken      Outcome = "broken" // closed in the middle, or anything else; Err says what
)

// DialAnswer is what came of a Dial.
type DialAnswer struct {
	Outcome Outcome `json:"outcome"`
	Err     string  `json:"err,omitempty"`
	Millis  int     `json:"millis"` // it took
	// TLS and Suite are what a handshake came to, such as "TLS 1.3". Alert is
	// the server's own word where it has refused one.
	TLS   string `json:"tls,omitempty"`
	Suite string `json:"suite,omitempty"`
	Alert string `json:"alert,omitempty"`
	// Status and Header are of the HTTP answer; Audit-Id, Location, Server, Content-Security-Policy,
	// Strict-Transport-Security and X-Content-Type-Options are the ones kept.
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Cert   *Cert             `json:"cert,omitempty"` // shown by a TLS server, trusted or not
}

// Cert is a server's certificate.
type Cert struct {
	SHA256    string   `json:"sha256,omitempty"` // of all of it, which nothing else has
	Subject   string   `json:"subject"`
	Issuer    string   `json:"issuer"`
	Names     []string `json:"names"` // DNS names and addresses
	NotBefore string   `json:"notBefore,omitempty"`
	NotAfter  string   `json:"notAfter"`
	// ChainEnd is when the first of those that came with it ends, "" where none came.
	ChainEnd string `json:"chainEnd,omitempty"`
}
