package look

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// name is whom the certificate has to be for.
func (d Dial) name() string {
	if d.ServerName != "" {
		return d.ServerName
	}
	host, _, _ := net.SplitHostPort(d.Address)
	return host
}

// handshake does a TLS handshake with whoever answers, and then judges the
// certificate: one that is not trusted can be shown that way.
func (d Dial) handshake(ctx context.Context, conn net.Conn, a *DialAnswer) (net.Conn, error) {
	client := tls.Client(conn, d.offer())
	err := client.HandshakeContext(ctx)
	var clear tls.RecordHeaderError
	if errors.As(err, &clear) {
		return nil, &failure{NotTLS, fmt.Errorf("answered a TLS handshake with %q", clear.RecordHeader[:])}
	}
	if said := (*net.OpError)(nil); errors.As(err, &said) && said.Op == "remote error" {
		a.Alert = printable(said.Err.Error())
	}
	if err != nil {
		return nil, err
	}
	state := client.ConnectionState()
	chain := state.PeerCertificates
	a.TLS, a.Suite, a.Cert = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), certOf(chain)
	if err := d.judge(chain); err != nil && !d.AnyCert {
		return nil, &failure{BadCert, err}
	}
	return client, nil
}

// offer is what d asks of a server: what is current, or only what no server
// should take any more.
func (d Dial) offer() *tls.Config {
	c := &tls.Config{ServerName: d.name(), InsecureSkipVerify: true}
	switch {
	case d.Old:
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		c.CipherSuites = suites(func(s *tls.CipherSuite) bool { return slices.Contains(s.SupportedVersions, tls.VersionTLS11) })
	case d.Weak:
		c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		c.CipherSuites = suites(func(s *tls.CipherSuite) bool {
			return !strings.HasPrefix(s.Name, "TLS_ECDHE_") || !strings.Contains(s.Name, "_GCM_") && !strings.Contains(s.Name, "_CHACHA20_")
		})
	}
	return c
}

// suites are those of all that Go can speak up to TLS 1.2.
func suites(among func(*tls.CipherSuite) bool) []uint16 {
	var out []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if slices.Contains(s.SupportedVersions, tls.VersionTLS12) && among(s) {
			out = append(out, s.ID)
		}
	}
	return out
}

// judge verifies a chain as a client with the wanted roots would.
func (d Dial) judge(chain []*x509.Certificate) error {
	o := x509.VerifyOptions{DNSName: d.name(), Intermediates: x509.NewCertPool()}
	if len(d.CA) > 0 {
		o.Roots = x509.NewCertPool()
		o.Roots.AppendCertsFromPEM(d.CA)
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err
}

func certOf(chain []*x509.Certificate) *Cert {
	c := chain[0]
	names := append([]string{}, c.DNSNames...) // checked by the parser, other than a subject
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	out := &Cert{
		SHA256:  fmt.Sprintf("%x", sha256.Sum256(c.Raw)),
		Subject: printable(c.Subject.String()), Issuer: printable(c.Issuer.String()), Names: names,
		NotBefore: c.NotBefore.UTC().Format(time.RFC3339), NotAfter: c.NotAfter.UTC().Format(time.RFC3339),
	}
	for _, above := range chain[1:] {
		// The layout sorts as the time does.
		if end := above.NotAfter.UTC().Format(time.RFC3339); out.ChainEnd == "" || end < out.ChainEnd {
			out.ChainEnd = end
		}
	}
	return out
}
