package node

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// hostKeys looks at the files of which sshd makes its host keys. What leaves
// the host of a private key is its fingerprint.
func (h Host) hostKeys(files []string) ([]facts.HostKey, error) {
	if len(files) == 0 {
		return nil, errors.New("sshd did not say where its host keys are")
	}
	out := []facts.HostKey{}
	for _, file := range files {
		key, err := h.hostKey(file)
		if err != nil {
			return nil, fmt.Errorf("read host key: %w", err)
		}
		out = append(out, key)
	}
	return out, nil
}

func (h Host) hostKey(file string) (facts.HostKey, error) {
	out := facts.HostKey{File: file}
	content, info, err := h.readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Mode = uint32(info.Mode().Perm())
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		out.UID, out.GID = int(stat.Uid), int(stat.Gid)
	}
	key, ok := parseKeyBlob(publicHalf(content))
	if !ok {
		// An older format does not tell the public half: it stands beside it.
		public, err := h.readSmall(file + ".pub")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return out, err
		}
		if key, ok = parseKey(string(bytes.TrimSpace(public))); !ok {
			key = facts.Key{Type: unreadableKey}
		}
	}
	out.Type, out.Bits, out.Fingerprint = key.Type, key.Bits, key.Fingerprint
	return out, nil
}

// publicHalf is the public key that an OpenSSH private key file begins with,
// outside of what may be encrypted; nil where there is none.
func publicHalf(file []byte) []byte {
	block, _ := pem.Decode(file)
	if block == nil || block.Type != "OPENSSH PRIVATE KEY" {
		return nil
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	for range 3 { // cipher, key derivation and its options
		if !ok {
			return nil
		}
		_, rest, ok = cutString(rest)
	}
	const count = 4 // of keys, which is one
	if !ok || len(rest) < count {
		return nil
	}
	public, _, _ := cutString(rest[count:])
	return public
}
