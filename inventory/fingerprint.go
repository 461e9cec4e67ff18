package inventory

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// Fingerprint returns the SHA-256 fingerprint of a public key in the format of
// authorized_keys, as ssh-keygen -l shows it: SHA256:… Options before the key
// are passed over. What is no whole key of an accepted type is refused.
func Fingerprint(line string) (string, error) {
	fields := strings.Fields(line)
	i := slices.IndexFunc(fields, func(f string) bool { return slices.Contains(loginKeyTypes(), f) })
	if i < 0 || i+1 == len(fields) {
		return "", fmt.Errorf("read public key: %w", errKeyForm)
	}
	blob, err := base64.StdEncoding.DecodeString(fields[i+1])
	if err != nil {
		return "", fmt.Errorf("read public key: %w", errKeyData)
	}
	if err := checkBlob(blob, fields[i]); err != nil {
		return "", fmt.Errorf("read public key: %w", err)
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]), nil
}
