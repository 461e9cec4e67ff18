package provision

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"strings"
)

// keyPair is an SSH host key. It is kept in memory only: a seed that did not
// reach its VM is made anew with another key.
type keyPair struct {
	Public  string // "ssh-ed25519 AAAA…"
	private []byte
}

const keyType = "ssh-ed25519"

func newKeyPair() (keyPair, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keyPair{}, fmt.Errorf("make a host key: %w", err)
	}
	blob := sshStrings(keyType, string(public))
	return keyPair{
		Public:  keyType + " " + base64.StdEncoding.EncodeToString(blob),
		private: pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: opensshKey(blob, public, private)}),
	}, nil
}

// opensshKey is an unencrypted key in the format that sshd reads (PROTOCOL.key).
func opensshKey(blob []byte, public ed25519.PublicKey, private ed25519.PrivateKey) []byte {
	check := make([]byte, 8) // twice the same number; it only tells a wrong passphrase
	secret := append(check, sshStrings(keyType, string(public), string(private), "k3sedge-seed")...)
	for i := byte(1); len(secret)%8 != 0; i++ {
		secret = append(secret, i)
	}
	var b bytes.Buffer
	b.WriteString("openssh-key-v1\x00")
	b.Write(sshStrings("none", "none", ""))
	b.Write(binary.BigEndian.AppendUint32(nil, 1))
	b.Write(sshStrings(string(blob), string(secret)))
	return b.Bytes()
}

// sshStrings joins strings the way SSH does, each after its length.
func sshStrings(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	return b
}

// fingerprint is the base64 part of a public key's SHA256 fingerprint, as
// ssh-keygen -l shows it, or "" for what is no key.
func fingerprint(public string) string {
	fields := strings.Fields(public)
	if len(fields) < 2 {
		return ""
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(blob)
	return base64.RawStdEncoding.EncodeToString(sum[:])
}
