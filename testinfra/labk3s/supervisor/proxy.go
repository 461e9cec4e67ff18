package supervisor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// remotePrefix begins the headers that name a user. They are believed from us
// alone.
const remotePrefix = "X-Remote-"

// proxy hands requests to kube-apiserver on loopback. K3s calls its handler
// in the same process; here the name that a client's certificate proves
// travels in the headers of the front proxy, and tokens go as they are.
type proxy struct {
	front, plain http.RoundTripper // with the proxy's certificate, and without
	upgrades     http.RoundTripper // HTTP/1.1, with the proxy's certificate
}

func newProxy(target string, roots, clients *x509.CertPool, front tls.Certificate) (http.Handler, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("address of kube-apiserver: %w", err)
	}
	transport := func(http2 bool, certs ...tls.Certificate) http.RoundTripper {
		return &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: certs, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:   http2,
			MaxIdleConnsPerHost: 32,
		}
	}
	p := proxy{front: transport(true, front), plain: transport(true), upgrades: transport(false, front)}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.SetXForwarded()
			setIdentity(r.Out.Header, r.In.TLS, clients)
		},
		Transport:     p,
		FlushInterval: -1, // watches are streams
	}, nil
}

// setIdentity takes away what a client says of itself and puts in what its
// certificate says. A certificate of strangers says nothing: the API server
// then answers as to anybody without one.
func setIdentity(h http.Header, state *tls.ConnectionState, clients *x509.CertPool) {
	for name := range h {
		if strings.HasPrefix(name, remotePrefix) {
			h.Del(name)
		}
	}
	if state == nil || len(state.PeerCertificates) == 0 {
		return
	}
	use := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: clients, KeyUsages: use}); err != nil {
		return
	}
	subject := state.PeerCertificates[0].Subject
	h.Set(remotePrefix+"User", subject.CommonName)
	for _, group := range subject.Organization {
		h.Add(remotePrefix+"Group", group)
	}
}

// RoundTrip shows the proxy's certificate only where a name is told, for a
// certificate that proves nobody would spoil a request with a token.
func (p proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.Header.Get("Upgrade") != "":
		return p.upgrades.RoundTrip(r)
	case r.Header.Get(remotePrefix+"User") != "":
		return p.front.RoundTrip(r)
	default:
		return p.plain.RoundTrip(r)
	}
}
