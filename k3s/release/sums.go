package release

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/k3sedge/k3sedge/provision/machine"
)

var sumLine = regexp.MustCompile(`^([0-9a-fA-F]{64}) [ *](\S+)$`)

// parseSums reads a checksum file as sha256sum writes it and K3s publishes it.
func parseSums(data []byte) (map[string]string, error) {
	out := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimRight(lines.Bytes(), "\r")
		if len(line) == 0 {
			continue
		}
		m := sumLine.FindSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("line %d is not a checksum and a name", n)
		}
		sum, name := string(bytes.ToLower(m[1])), string(m[2])
		if other, ok := out[name]; ok && other != sum {
			return nil, fmt.Errorf("line %d gives %s a second checksum", n, name)
		}
		out[name] = sum
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no checksum")
	}
	return out, nil
}

// sumOf reads a whole file. It ends with the context.
func sumOf(ctx context.Context, path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	size, err = io.Copy(h, machine.ReaderUntil(ctx, f))
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// WrongSumError is a file that is not the one that was wanted.
type WrongSumError struct{ File, Want, Got string }

// Error names the file and both checksums.
func (e *WrongSumError) Error() string {
	return fmt.Sprintf("%s has the SHA-256 checksum %s, wanted %s", e.File, e.Got, e.Want)
}
