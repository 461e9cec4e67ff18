package ssh

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	xssh "golang.org/x/crypto/ssh"
)

// HostKey is a key pair for sshd.
type HostKey struct {
	PrivatePEM string `json:"-"` // OpenSSH's own format; secret
	Public     string // "ssh-ed25519 AAAA…"
}

// Format prints the public half, whatever the verb: the private one must not
// get into a log by accident.
func (k HostKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Public) }

// GenerateHostKey makes a new ed25519 key for a machine's sshd.
func GenerateHostKey() (HostKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return HostKey{}, fmt.Errorf("generate host key: %w", err)
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if err != nil {
		return HostKey{}, fmt.Errorf("encode host key: %w", err)
	}
	key, err := xssh.NewPublicKey(public)
	if err != nil {
		return HostKey{}, fmt.Errorf("encode host key: %w", err)
	}
	return HostKey{PrivatePEM: string(pem.EncodeToMemory(block)), Public: keyLine(key)}, nil
}

// Fingerprint returns the SHA256:… form of a public key line, as ssh-keygen
// and sshd print it.
func Fingerprint(publicKey string) (string, error) {
	key, err := parseKey(publicKey)
	if err != nil {
		return "", err
	}
	return xssh.FingerprintSHA256(key), nil
}

// errSeen ends a handshake whose host key was all that was wanted.
var errSeen = errors.New("seen the host key")

// OfferedKey asks the server at address (host:port) for its host key, hangs
// up before any login and sends no credentials. Nobody has vouched for the
// key: it is to be compared with the machine's console.
func OfferedKey(ctx context.Context, address string) (publicKey, fingerprint string, err error) {
	return NewHost(Config{Address: address}).OfferedKey(ctx)
}

// OfferedKey is the function OfferedKey for this host, through its jump host
// if it has one.
func (h *Host) OfferedKey(ctx context.Context) (publicKey, fingerprint string, err error) {
	raw, jump, err := reach(ctx, h.cfg, h.pace)
	if err != nil {
		return "", "", err
	}
	if jump != nil {
		defer jump.end(errSeen)
	}
	var seen xssh.PublicKey
	limited, cancel := context.WithTimeoutCause(ctx, h.pace.handshake, errNoAnswer)
	defer cancel()
	a := &attempt{cfg: h.cfg, conn: &countedConn{Conn: raw}}
	_, err = shake(limited, a.conn, &xssh.ClientConfig{
		HostKeyAlgorithms: algorithmsFor(nil),
		HostKeyCallback: func(_ string, _ net.Addr, key xssh.PublicKey) error {
			seen = key
			return errSeen
		},
	})
	if !errors.Is(err, errSeen) {
		return "", "", a.explain(ctx, err)
	}
	return keyLine(seen), xssh.FingerprintSHA256(seen), nil
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
