package gitops

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// SealedSum is the annotation by which the next export finds out whether a
// secret has changed: a hash with a key that does not leave the operator's
// machine. Without the key nobody can try out what was sealed.
const SealedSum = "k3sedge.dev/sealed"

const certHint = "kubeseal --fetch-cert > cert.pem gets the one of your cluster's controller"

var (
	errNoCert  = errors.New("holds no certificate in PEM form")
	errNotRSA  = errors.New("the certificate's key is not RSA, which sealed-secrets uses")
	errCertAge = errors.New("the certificate is not valid today")
)

// Sealer seals secrets for one cluster, so that they can be unsealed under
// their own namespace and name only (the strict scope of sealed-secrets).
type Sealer struct {
	to   *rsa.PublicKey
	cert []byte
	key  []byte
}

// NewSealer takes the certificate of the controller, PEM, and the operator's
// own key for the annotation SealedSum.
func NewSealer(certPEM, key []byte, now time.Time) (*Sealer, error) {
	c, err := firstCertificate(certPEM)
	if err != nil {
		return nil, machine.WithHint(err, certHint)
	}
	to, ok := c.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return nil, machine.WithHint(errNotRSA, certHint)
	case now.Before(c.NotBefore) || now.After(c.NotAfter):
		return nil, machine.WithHint(fmt.Errorf("%w: it is for %s to %s", errCertAge, c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly)), certHint)
	}
	return &Sealer{to, c.Raw, key}, nil
}

func firstCertificate(data []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errNoCert
}

// secret seals all values of a Secret. Where former is of the same values,
// sealed for the same controller, its bytes are kept.
func (s *Sealer) secret(o object.Secret, former object.SealedSecret) (_ object.SealedSecret, kept bool, _ error) {
	meta, err := object.Applies(o)
	if err != nil {
		return object.SealedSecret{}, false, err
	}
	values := map[string][]byte{}
	maps.Copy(values, o.Data)
	for key, value := range o.Hidden {
		values[key] = []byte(value.Reveal())
	}
	sum := s.sum(o.Namespace+"/"+o.Name, values)
	out := object.SealedSecret{
		Meta: object.Meta{Name: o.Name, Namespace: o.Namespace, Labels: o.Labels, Annotations: map[string]string{SealedSum: sum}},
		Spec: object.SealedSecretSpec{EncryptedData: map[string]string{}, Template: object.SecretTemplate{Metadata: meta, Type: cmp.Or(o.Type, "Opaque")}},
	}
	if former.Annotations[SealedSum] == sum && len(former.Spec.EncryptedData) == len(values) {
		out.Spec.EncryptedData = former.Spec.EncryptedData
		return out, true, nil
	}
	for key, value := range values {
		sealed, err := s.value(value, o.Namespace+"/"+o.Name)
		if err != nil {
			return object.SealedSecret{}, false, err
		}
		out.Spec.EncryptedData[key] = base64.StdEncoding.EncodeToString(sealed)
	}
	return out, false, nil
}

// value seals one value as kubeseal does: the length of the sealed session key
// in two bytes, that key, and the value under it. The label binds it to one
// Secret. The session key serves once, so that its nonce may be zero.
func (s *Sealer) value(plain []byte, label string) ([]byte, error) {
	session := make([]byte, 32)
	if _, err := rand.Read(session); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(session)
	if err != nil {
		return nil, err
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, s.to, session, []byte(label))
	if err != nil {
		return nil, err
	}
	out := append(binary.BigEndian.AppendUint16(nil, uint16(len(wrapped))), wrapped...)
	return box.Seal(out, make([]byte, box.NonceSize()), plain, nil), nil
}

// sum is the keyed hash of values under a name and of whom they are sealed for.
// Each piece has its length before it, so that none can be moved to the next.
func (s *Sealer) sum(name string, values map[string][]byte) string {
	h := hmac.New(sha256.New, s.key)
	write := func(piece []byte) {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(piece)))) // a hash takes everything
		_, _ = h.Write(piece)
	}
	write(s.cert)
	write([]byte(name))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		write([]byte(key))
		write(values[key])
	}
	return fmt.Sprintf("hmac-sha256:%x", h.Sum(nil))
}
