package supervisor

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/scrypt"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
)

// The cost of a hash, which every joining node makes the server pay.
const costN, costR, costP, hashLength = 1 << 12, 8, 1, 64

// Secrets keeps nodes' passwords where K3s keeps them: hashed, in the Secret
// NAME.node-password.k3s of kube-system. Deleting it lets a rebuilt node in.
type Secrets struct {
	Client typed.SecretInterface
}

// Ensure implements Passwords.
func (s Secrets) Ensure(ctx context.Context, node, password string) error {
	name := node + ".node-password.k3s"
	secret, err := s.Client.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return s.create(ctx, name, password)
	}
	if err != nil {
		return fmt.Errorf("get secret %s: %w", name, err)
	}
	return verify(string(secret.Data["hash"]), password)
}

func (s Secrets) create(ctx context.Context, name, password string) error {
	salt := make([]byte, 8)
	if _, err := rand.Read(salt); err != nil {
		return fmt.Errorf("make salt: %w", err)
	}
	hash, err := makeHash(hex.EncodeToString(salt), password)
	if err != nil {
		return err
	}
	immutable := true
	_, err = s.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Immutable:  &immutable,
		Data:       map[string][]byte{"hash": []byte(hash)},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create secret %s: %w", name, err)
	}
	return nil
}

// makeHash gives version, salt, cost and hash with colons between them.
func makeHash(salt, password string) (string, error) {
	key, err := scrypt.Key([]byte(password), []byte(salt), costN, costR, costP, hashLength)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return fmt.Sprintf("$1:%s:%d:%d:%d:%s", salt, costN, costR, costP, base64.RawStdEncoding.EncodeToString(key)), nil
}

func verify(hash, password string) error {
	fields := strings.Split(hash, ":")
	if len(fields) != 6 || fields[0] != "$1" {
		return fmt.Errorf("%w: unknown form", ErrRejected)
	}
	want, err := makeHash(fields[1], password)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(hash), []byte(want)) != 1 {
		return ErrRejected
	}
	return nil
}
