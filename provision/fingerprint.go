package provision

import (
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
)

const keyType = "ssh-ed25519"

// fingerprint is a public key's fingerprint as a VM's note keeps it, without
// the name of its hash, or "" for what is no key.
func fingerprint(public string) string {
	f, err := inventory.Fingerprint(public)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(f, "SHA256:")
}
