package provision

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// ServerIdentity is what a Proxmox server shows in its TLS handshake.
type ServerIdentity struct {
	// Pin is the value for provider.proxmox.tlsPin.
	Pin string
	// LeafSHA256 is the certificate's fingerprint as Proxmox prints it in
	// `pvenode cert info` and in its web page: AA:BB:…
	LeafSHA256 string
	Subject    string
	NotAfter   time.Time
}

// PinError is a server that does not hold the key that was pinned.
type PinError struct {
	Endpoint  string
	Want, Got string
}

// Error shows both pins.
func (e *PinError) Error() string {
	return fmt.Sprintf("%s: the server's key is %s, pinned is %s", e.Endpoint, e.Got, e.Want)
}

// ServerPin asks the server at endpoint for its certificate and trusts
// nothing: the user compares the fingerprint with the one on the host.
func ServerPin(ctx context.Context, endpoint string) (ServerIdentity, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return ServerIdentity{}, err
	}
	// The handshake is only read from; nothing is sent over this connection.
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errNoAnswer)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", hostPort(u))
	if err != nil {
		return ServerIdentity{}, fmt.Errorf("read the certificate of %s: %w", endpoint, unreachable(u.Host, err))
	}
	defer func() { _ = conn.Close() }()
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	return ServerIdentity{
		Pin:        spkiPin(leaf),
		LeafSHA256: strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":"),
		Subject:    leaf.Subject.String(),
		NotAfter:   leaf.NotAfter,
	}, nil
}

func spkiPin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

var errEndpoint = errors.New("not of the form https://HOST:PORT")

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err == nil && (u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil) {
		err = errEndpoint
	}
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("provider.proxmox.endpoint %q: %w", endpoint, err), "write provider.proxmox.endpoint like https://pve.lan:8006")
	}
	return u, nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

var errNoTrust = errors.New("neither provider.proxmox.tlsPin nor provider.proxmox.caFile is set")

// tlsConfig trusts exactly what the user named: one public key, or one CA.
func tlsConfig(p inventory.Proxmox) (*tls.Config, error) {
	if p.TLSPin == "" && p.CAFile == "" {
		return nil, machine.WithHint(errNoTrust, "run k3sedge init --proxmox %s to see the server's pin", p.Endpoint)
	}
	if p.TLSPin == "" {
		return caConfig(p.CAFile)
	}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.TLSPin, "sha256/")); err != nil || len(raw) != sha256.Size || !strings.HasPrefix(p.TLSPin, "sha256/") {
		return nil, machine.WithHint(fmt.Errorf("provider.proxmox.tlsPin %q is not sha256/ and a base64 SHA-256", p.TLSPin), "run k3sedge init --proxmox %s to see the server's pin", p.Endpoint)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Proxmox signs with a CA of its own and for one name only, so that
		// the chain proves nothing; the pinned key takes its place and is
		// checked on every connection, resumed ones too.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if got := spkiPin(s.PeerCertificates[0]); got != p.TLSPin {
				return &PinError{Endpoint: p.Endpoint, Want: p.TLSPin, Got: got}
			}
			return nil
		},
	}, nil
}

func caConfig(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("provider.proxmox.caFile: %w", err), "copy /etc/pve/pve-root-ca.pem of the Proxmox host there")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, machine.WithHint(fmt.Errorf("provider.proxmox.caFile %s: no certificate in it", file), "copy /etc/pve/pve-root-ca.pem of the Proxmox host there")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, nil
}

// isTrustError reports that the server was reached and is not the one that
// the user named.
func isTrustError(err error) bool {
	var pin *PinError
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &pin) || errors.As(err, &certificate)
}
