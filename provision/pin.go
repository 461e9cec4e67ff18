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
	"strings"
	"time"

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
