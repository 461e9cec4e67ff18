package token

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const prefix = "K10"

// The reasons for which a token is refused, in K3s' words.
var (
	ErrEmpty      = errors.New("token must not be empty")
	ErrHashLength = errors.New("invalid token CA hash length")
	ErrFormat     = errors.New("invalid token format")
)

// Token is a join token taken apart. A bare secret has neither hash nor user.
type Token struct {
	Hash, User, Secret string
}

// Parse reads a token in either form.
func Parse(s string) (Token, error) {
	if s == "" {
		return Token{}, ErrEmpty
	}
	rest, full := strings.CutPrefix(s, prefix)
	if !full {
		return Token{Secret: s}, nil
	}
	hash, credentials, ok := strings.Cut(rest, "::")
	if !ok {
		hash, credentials = "", rest
	}
	if hash != "" && len(hash) != 2*sha256.Size {
		return Token{}, ErrHashLength
	}
	user, secret, ok := strings.Cut(credentials, ":")
	if !ok || secret == "" {
		return Token{}, ErrFormat
	}
	return Token{Hash: hash, User: user, Secret: secret}, nil
}

// Full is the token in the form that a server writes down.
func Full(ca []byte, user, secret string) string {
	return prefix + Hash(ca) + "::" + user + ":" + secret
}

// Hash is what a token says of a cluster's CA.
func Hash(ca []byte) string {
	sum := sha256.Sum256(ca)
	return hex.EncodeToString(sum[:])
}

// Check refuses a CA that is not the token's. A token without a hash trusts
// whoever answers.
func (t Token) Check(ca []byte) error {
	if got := Hash(ca); t.Hash != "" && t.Hash != got {
		return fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", t.Hash, got)
	}
	return nil
}
