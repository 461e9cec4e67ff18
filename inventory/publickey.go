package inventory

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

const (
	maxKeyFile = 64 << 10
	// minRSABits is what the hardening asks of an RSA key (SSH-16).
	minRSABits = 3072
)

var (
	errPrivateKey = errors.New("a private key stands here")
	errKeyForm    = errors.New("not a public key such as \"ssh-ed25519 AAAA… comment\"")
	errKeyType    = errors.New("a key of this type is not accepted")
	errKeyData    = errors.New("what follows the key's type is no such key: it was cut off or changed")
	errKeyWeak    = fmt.Errorf("an RSA key of fewer than %d bits is not accepted", minRSABits)
	errKeyCount   = errors.New("one public key is expected in this file")
)

func keyTypes() []string {
	return []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"}
}

// loginKeyTypes are keyTypes and those of security keys, which only people hold.
func loginKeyTypes() []string {
	return append(keyTypes(), "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
}

// checkPublicKey checks a line of the form TYPE BASE64 [COMMENT]. It does not
// repeat the line, in case that it is something else altogether.
func checkPublicKey(line string, types []string) error {
	if strings.Contains(line, "PRIVATE KEY") {
		return errPrivateKey
	}
	fields := strings.Fields(line)
	if len(fields) < 2 || strings.ContainsFunc(line, isControl) {
		return errKeyForm
	}
	if !slices.Contains(types, fields[0]) {
		if !slices.Contains(loginKeyTypes(), fields[0]) && !strings.HasPrefix(fields[0], "ssh-") {
			return errKeyForm
		}
		return errKeyType
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return errKeyData
	}
	return checkBlob(blob, fields[0])
}

// checkBlob checks that the key's binary form (RFC 4253, 6.6) names its own
// type and is complete.
func checkBlob(blob []byte, keyType string) error {
	var parts [][]byte
	for len(blob) > 0 {
		part, rest, ok := cutString(blob)
		if !ok {
			return errKeyData
		}
		parts, blob = append(parts, part), rest
	}
	if len(parts) == 0 || string(parts[0]) != keyType || len(parts) != partsOf(keyType) {
		return errKeyData
	}
	switch {
	case strings.HasSuffix(keyType, "ssh-ed25519"), strings.HasPrefix(keyType, "sk-ssh-ed25519"):
		if len(parts[1]) != 32 {
			return errKeyData
		}
	case keyType == "ssh-rsa":
		if new(big.Int).SetBytes(parts[2]).BitLen() < minRSABits {
			return errKeyWeak
		}
	default:
		return checkPoint(parts[1], parts[2], keyType)
	}
	return nil
}

// partsOf counts the strings of a key's binary form.
func partsOf(keyType string) int {
	switch {
	case keyType == "ssh-ed25519":
		return 2 // type, key
	case keyType == "sk-ecdsa-sha2-nistp256@openssh.com":
		return 4 // type, curve, point, application
	}
	return 3 // type, curve, point; type, key, application; type, e, n
}

// checkPoint checks curve name and length of an uncompressed point.
func checkPoint(curve, point []byte, keyType string) error {
	sizes := map[string]int{"nistp256": 65, "nistp384": 97, "nistp521": 133}
	size := sizes[string(curve)]
	if size == 0 || !strings.Contains(keyType, string(curve)) || len(point) != size || point[0] != 4 {
		return errKeyData
	}
	return nil
}

func cutString(b []byte) (part, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// readPublicKey reads the one public key of a .pub file.
func readPublicKey(path string) (string, error) {
	data, _, err := readRegular(path, maxKeyFile)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if strings.Contains(string(data), "PRIVATE KEY") {
		return "", errPrivateKey
	}
	var keys []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			keys = append(keys, line)
		}
	}
	if len(keys) != 1 {
		return "", errKeyCount
	}
	return keys[0], checkPublicKey(keys[0], loginKeyTypes())
}
