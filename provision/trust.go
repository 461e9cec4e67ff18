package provision

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

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
