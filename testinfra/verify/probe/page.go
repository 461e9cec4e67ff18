package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// pageLimit is generous: a handshake under emulation takes a second.
const pageLimit = 20 * time.Second

// Page is one page, asked of one node whatever its name resolves to.
type Page struct {
	Node netip.AddrPort `json:"node"`
	Host string         `json:"host"`
	Path string         `json:"path"`
	// Roots are authorities in PEM; without them those of the machine. AnyChain
	// asks of a certificate its name and dates only.
	Roots    string `json:"roots,omitempty"`
	AnyChain bool   `json:"anyChain,omitempty"`
	// Handshake is all that is wanted where the server behind ends TLS itself.
	Handshake bool `json:"handshake,omitempty"`
}

// Shown is what a page showed.
type Shown struct {
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Error  string            `json:"error,omitempty"`
}

func (p Page) ask(ctx context.Context) Shown {
	ctx, cancel := context.WithTimeout(ctx, pageLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Node.String())
	if err != nil {
		return Shown{Error: err.Error()}
	}
	defer conn.Close()
	secure := tls.Client(conn, p.config())
	if err := secure.HandshakeContext(ctx); err != nil {
		return Shown{Error: err.Error()}
	}
	if p.Handshake {
		return Shown{}
	}
	transport := &http.Transport{DisableKeepAlives: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return secure, nil }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+p.Host+p.Path, nil)
	if err != nil {
		return Shown{Error: err.Error()}
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return Shown{Error: err.Error()}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // the head is all that counts
	s := Shown{Status: res.StatusCode, Header: map[string]string{}}
	for name, values := range res.Header {
		s.Header[name] = strings.Join(values, ", ")
	}
	return s
}

// config looks at the certificate itself where any chain will do.
func (p Page) config() *tls.Config {
	c := &tls.Config{ServerName: p.Host, MinVersion: tls.VersionTLS12}
	if p.Roots != "" {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM([]byte(p.Roots))
	}
	if p.AnyChain {
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error {
			leaf := s.PeerCertificates[0] // a handshake without one fails
			if now := time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
				return errors.New("the certificate is out of its dates")
			}
			return leaf.VerifyHostname(p.Host)
		}
	}
	return c
}
