package provision

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const keyType = "ssh-ed25519"

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
