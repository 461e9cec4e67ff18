package look

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
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
	client := tls.Client(conn, &tls.Config{ServerName: d.name(), InsecureSkipVerify: true})
	err := client.HandshakeContext(ctx)
	var clear tls.RecordHeaderError
	if errors.As(err, &clear) {
		return nil, &failure{NotTLS, fmt.Errorf("answered a TLS handshake with %q", clear.RecordHeader[:])}
	}
	if err != nil {
		return nil, err
	}
	chain := client.ConnectionState().PeerCertificates
	a.Cert = certOf(chain[0])
	if err := d.judge(chain); err != nil && !d.AnyCert {
		return nil, &failure{BadCert, err}
	}
	return client, nil
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

func certOf(c *x509.Certificate) *Cert {
	names := append([]string{}, c.DNSNames...) // checked by the parser, other than a subject
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return &Cert{Subject: printable(c.Subject.String()), Issuer: printable(c.Issuer.String()), Names: names, NotAfter: c.NotAfter.UTC().Format(time.RFC3339)}
}
