package addons

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Signer signs certificates that Cloudflare trusts when it connects to us.
type Signer interface {
	// Sign has a request (PEM) signed for the hosts, and returns the
	// certificate (PEM).
	Sign(ctx context.Context, csr []byte, hosts []string, days int) ([]byte, error)
}

const (
	// originDays is one of the lives that Cloudflare offers. A third of it,
	// with the default of renewBeforePercentage, is a year in which somebody
	// runs `up`.
	originDays = 1095

	certKey, keyKey = "tls.crt", "tls.key"
	tlsType         = "kubernetes.io/tls"
)

// unsigned are the services whose certificate is to be made, and why.
func (v *view) unsigned(ctx context.Context) ([]inventory.Service, []converge.Change, error) {
	seen, err := v.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	var open []inventory.Service
	var changes []converge.Change
	for _, s := range v.cfg.chosen() {
		if s.Passthrough {
			continue
		}
		why, err := v.originOf(ctx, seen, s)
		if err != nil {
			return nil, nil, err
		}
		if why == "" {
			continue
		}
		open = append(open, s)
		changes = append(changes, converge.Change{ID: id(s.Name, object.Secret{}.Kind(), certificateSecret(s.Name)), Have: why, Want: "signed by Cloudflare's Origin CA"})
	}
	return open, changes, nil
}

// originOf says why the certificate of a service has to be made, or "".
func (v *view) originOf(ctx context.Context, seen *snapshot, s inventory.Service) (string, error) {
	path := secretPath(NamespaceOf(s.Name), certificateSecret(s.Name))
	it, ok := seen.paths[path]
	if ok {
		percent := v.edge().Certificates.RenewBeforePercentage
		return originTrouble(it.raw, s.Host, percent, time.Now())
	}
	// What is not ours is not among what was seen.
	raw, err := v.api.Get(ctx, path)
	if cluster.NotFound(err) {
		return absent, nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the certificate of service %s: %w", s.Name, err)
	}
	var head struct{ Metadata liveMeta }
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if head.Metadata.Annotations["cert-manager.io/certificate-name"] == "" {
		return "", broken(s.Name, fmt.Sprintf("delete it: kubectl delete secret -n %s %s; or take edge.certificates out and keep it", NamespaceOf(s.Name), certificateSecret(s.Name)),
			"the secret %s is there already and not of k3sedge", certificateSecret(s.Name))
	}
	return "from an ACME server", nil
}

// originTrouble says what is wrong with a certificate that is there, or "".
func originTrouble(raw []byte, host string, percent int, now time.Time) (string, error) {
	var secret struct{ Data map[string][]byte }
	if err := json.Unmarshal(raw, &secret); err != nil {
		return "", fmt.Errorf("read the certificate of %s: %w", host, err)
	}
	pair, err := tls.X509KeyPair(secret.Data[certKey], secret.Data[keyKey])
	if err != nil {
		return "not a certificate and its key", nil
	}
	cert := pair.Leaf
	left, life := cert.NotAfter.Sub(now), cert.NotAfter.Sub(cert.NotBefore)
	switch {
	case !slices.Contains(cert.DNSNames, host):
		return "for another host", nil
	case left <= 0:
		return "expired at " + cert.NotAfter.UTC().Format(time.RFC3339), nil
	case left < life/100*time.Duration(percent):
		return fmt.Sprintf("expires in %d days", int(left.Hours()/24)), nil
	}
	return "", nil
}

func checkOrigin(ctx context.Context, v *view) ([]converge.Change, error) {
	_, changes, err := v.unsigned(ctx)
	if err != nil {
		return nil, err
	}
	return v.replaced(ctx, changes)
}

func signOrigin(ctx context.Context, h *hands) error {
	open, _, err := h.unsigned(ctx)
	if err != nil {
		return err
	}
	if err := together(ctx, open, h.sign); err != nil {
		return err
	}
	return h.clear(ctx)
}

// sign makes a key, has it signed, and keeps both in the cluster, and nowhere else.
func (h *hands) sign(ctx context.Context, s inventory.Service) error {
	if h.cfg.Signer == nil {
		return fmt.Errorf("certificate of service %s: nobody signs", s.Name)
	}
	key, csr, err := request(s.Host)
	if err != nil {
		return fmt.Errorf("certificate of service %s: %w", s.Name, err)
	}
	cert, err := h.cfg.Signer.Sign(ctx, csr, []string{s.Host}, originDays)
	if err != nil {
		return fmt.Errorf("certificate of service %s: %w", s.Name, err)
	}
	cert = bytes.TrimSpace(cert)
	pair, err := tls.X509KeyPair(cert, []byte(key.Reveal()))
	if err != nil || !slices.Contains(pair.Leaf.DNSNames, s.Host) {
		return machine.WithHint(errors.Join(fmt.Errorf("certificate of service %s: what Cloudflare signed is not what was asked for", s.Name), err),
			"run k3sedge up again, which asks anew")
	}
	secret := object.Secret{Meta: wanted{Service: s}.meta(certificateSecret(s.Name)), Type: tlsType,
		Data: map[string][]byte{certKey: append(cert, '\n')}, Hidden: map[string]inventory.Secret{keyKey: key}}
	send, err := object.ToCluster(secret)
	if err != nil {
		return err
	}
	if err := h.do.Apply(ctx, send); err != nil {
		return fmt.Errorf("keep the certificate of service %s: %w", s.Name, err)
	}
	return nil
}

// request makes a new key and has it ask for a host.
func request(host string) (inventory.Secret, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return inventory.Secret{}, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return inventory.Secret{}, nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{host}}, key)
	if err != nil {
		return inventory.Secret{}, nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return inventory.NewSecret(string(text)), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}), nil
}
