package inventory

import (
	"encoding/pem"
	"io/fs"
	"slices"
	"strings"
)

// identity is what is known of a private key file without opening the key.
type identity struct {
	mode   fs.FileMode
	block  string // PEM type, "" when there is none
	public bool   // it holds a public key instead
}

func readIdentity(path string) (identity, error) {
	data, mode, err := readRegular(path, maxKeyFile)
	if err != nil {
		return identity{}, err
	}
	id := identity{mode: mode}
	if block, _ := pem.Decode(data); block != nil {
		id.block = block.Type
		return id, nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	id.public = checkPublicKey(line, loginKeyTypes()) == nil
	return id, nil
}

// usable reports whether the key is in a format that the SSH client reads.
func (id identity) usable() bool {
	return slices.Contains([]string{"OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"}, id.block)
}
