package node

import (
	"bytes"
	"errors"
	"io"
)

// How a Secret stands in a datastore: its key, a few numbers, its value. A
// value that is encrypted begins with the name of what encrypted it, one that
// is not with the magic of protobuf (Kubernetes, storage/value and serializer/protobuf).
const (
	secretKey   = "/registry/secrets/"
	sealedValue = "k8s:enc:"
	plainValue  = "k8s\x00"
	// nameMax and numbersMax bound what stands between the key and the value.
	nameMax    = 64 + 254
	numbersMax = 64
	scanBlock  = 1 << 20
)

// countSecrets goes once through a datastore's file. It is being written
// meanwhile: what is read is what the disk holds, not one moment of it.
func countSecrets(r io.Reader) (sealed, plain int, _ error) {
	const window = len(secretKey) + nameMax + numbersMax
	buf := make([]byte, 0, scanBlock+window)
	for {
		n, err := io.ReadFull(r, buf[len(buf) : scanBlock+window][:scanBlock])
		buf = buf[:len(buf)+n]
		last := err != nil
		if last && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			return sealed, plain, err
		}
		at := 0
		for {
			i := bytes.Index(buf[at:], []byte(secretKey))
			if i < 0 || !last && at+i+window > len(buf) {
				break
			}
			at += i + len(secretKey)
			switch valueAfter(buf[at:min(len(buf), at+window)]) {
			case sealedValue:
				sealed++
			case plainValue:
				plain++
			}
		}
		if last {
			return sealed, plain, nil
		}
		keep := max(at, len(buf)-window)
		buf = append(buf[:0], buf[keep:]...)
	}
}

// valueAfter says which kind of value follows a key, "" for none.
func valueAfter(b []byte) string {
	if i := bytes.Index(b, []byte("/registry/")); i >= 0 {
		b = b[:i] // the next key
	}
	first, kind := len(b), ""
	for _, v := range []string{sealedValue, plainValue} {
		if i := bytes.Index(b, []byte(v)); i >= 0 && i < first {
			first, kind = i, v
		}
	}
	return kind
}
