package inventory

import (
	"bytes"
	"encoding/pem"
	"io/fs"
	"slices"
	"strings"
)

// identity is what is known of a private key file without its passphrase.
type identity struct {
	mode      fs.FileMode
	block     string // PEM type, "" when there is none
	public    bool   // it holds a public key instead
	encrypted bool
}

func readIdentity(path string) (identity, error) {
	data, mode, err := readRegular(path, maxKeyFile)
	if err != nil {
		return identity{}, err
	}
	id := identity{mode: mode}
	block, _ := pem.Decode(data)
	if block == nil {
		line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
		id.public = checkPublicKey(line, loginKeyTypes()) == nil
		return id, nil
	}
	id.block = block.Type
	id.encrypted = strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") ||
		block.Type == "OPENSSH PRIVATE KEY" && opensshEncrypted(block.Bytes)
	return id, nil
}

// opensshEncrypted reads the cipher's name from the head of OpenSSH's own
// format (PROTOCOL.key).
func opensshEncrypted(data []byte) bool {
	rest, ok := bytes.CutPrefix(data, []byte("openssh-key-v1\x00"))
	if !ok {
		return false
	}
	cipher, _, ok := cutString(rest)
	return ok && string(cipher) != "none"
}

// usable reports whether the key is in a format that the SSH client reads.
func (id identity) usable() bool {
	return slices.Contains([]string{"OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"}, id.block)
}
