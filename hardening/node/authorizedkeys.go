package node

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// unreadableKey is the type of a line that is neither a key nor a comment. It
// is reported rather than left out: it could be a key that only sshd can read.
const unreadableKey = "unreadable"

// parseKeys reads a file of authorized keys.
func parseKeys(file, content string) []facts.Key {
	var keys []facts.Key
	number := 0
	for line := range strings.Lines(content) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, ok := parseKey(line)
		if !ok {
			// Options may stand before the key.
			key, ok = parseKey(skipOptions(line))
		}
		if !ok {
			key = facts.Key{Type: unreadableKey}
		}
		key.File, key.Line = file, number
		keys = append(keys, key)
	}
	return keys
}

// parseKey reads "type base64 comment". The type has to be the one that the
// key itself names.
func parseKey(line string) (facts.Key, bool) {
	kind, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	rest = strings.TrimLeft(rest, " \t")
	encoded, comment := rest, ""
	if i := strings.IndexAny(rest, " \t"); i >= 0 {
		encoded, comment = rest[:i], strings.TrimSpace(rest[i:])
	}
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return facts.Key{}, false
	}
	key, ok := parseKeyBlob(blob)
	key.Comment = comment
	return key, ok && key.Type == kind
}

// parseKeyBlob reads a public key as it goes over the wire.
func parseKeyBlob(blob []byte) (facts.Key, bool) {
	kind, body, ok := cutString(blob)
	if !ok || len(kind) == 0 {
		return facts.Key{}, false
	}
	sum := sha256.Sum256(blob)
	return facts.Key{
		Fingerprint: "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]),
		Type:        string(kind), Bits: keyBits(string(kind), body),
	}, true
}

// skipOptions returns what follows the options: the first blank that is not
// inside quotes ends them.
func skipOptions(line string) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == '"':
			i++
		case line[i] == '"':
			quoted = !quoted
		case (line[i] == ' ' || line[i] == '\t') && !quoted:
			return strings.TrimLeft(line[i:], " \t")
		}
	}
	return ""
}

// cutString takes the first length-prefixed string off a key.
func cutString(b []byte) (first, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// keyBits is the strength of a key in the terms of ssh-keygen -l, 0 where it
// is not known.
func keyBits(kind string, body []byte) int {
	switch {
	case kind == "ssh-rsa":
		_, body, ok := cutString(body) // the exponent
		if !ok {
			return 0
		}
		return intBits(body)
	case kind == "ssh-dss":
		return intBits(body)
	case strings.HasPrefix(kind, "ecdsa-sha2-nistp"):
		return map[string]int{"256": 256, "384": 384, "521": 521}[strings.TrimPrefix(kind, "ecdsa-sha2-nistp")]
	case strings.HasPrefix(kind, "ssh-ed25519"), strings.HasPrefix(kind, "sk-"):
		return 256
	}
	return 0
}

// intBits is the size of the number at the beginning of b.
func intBits(b []byte) int {
	number, _, ok := cutString(b)
	if !ok {
		return 0
	}
	for len(number) > 0 && number[0] == 0 {
		number = number[1:]
	}
	if len(number) == 0 {
		return 0
	}
	return (len(number)-1)*8 + bits.Len8(number[0])
}
