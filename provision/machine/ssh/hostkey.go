package ssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
	xssh "golang.org/x/crypto/ssh"
)

// GenerateHostKey makes a new ed25519 key for a machine's sshd.
func GenerateHostKey() (machine.HostKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return machine.HostKey{}, fmt.Errorf("generate host key: %w", err)
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if err != nil {
		return machine.HostKey{}, fmt.Errorf("encode host key: %w", err)
	}
	key, err := xssh.NewPublicKey(public)
	if err != nil {
		return machine.HostKey{}, fmt.Errorf("encode host key: %w", err)
	}
	return machine.HostKey{PrivatePEM: string(pem.EncodeToMemory(block)), Public: keyLine(key)}, nil
}

// parseKey reads a public key line, with or without a comment.
func parseKey(line string) (xssh.PublicKey, error) {
	key, _, _, rest, err := xssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("read public key: %w", errTwoKeys)
	}
	if _, ok := key.(*xssh.Certificate); ok {
		return nil, fmt.Errorf("read public key: %w", errCertificate)
	}
	return key, nil
}

var (
	// errTwoKeys is more than one key where one is wanted; final.
	errTwoKeys = errors.New("more than one line")
	// errCertificate is a certificate, which cannot be pinned; final.
	errCertificate = errors.New("a certificate cannot be pinned")
)

// keyLine is the public key without a comment: what is pinned.
func keyLine(key xssh.PublicKey) string {
	return strings.TrimSpace(string(xssh.MarshalAuthorizedKey(key)))
}
