package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// addedName is the archive with the images that k3sedge adds to those of K3s:
// cert-manager's and cloudflared's.
func addedName(arch string) string { return "k3sedge-images-" + arch + ".tar.zst" }

// addedSums are the checksums of what a bundle holds beside K3s' own files.
const addedSums = "k3sedge-sha256sum-*.txt"

// Bundled finds a file in the bundle that is none of K3s' own, and holds it
// against the checksums that the bundle brings for such files. Its Path is
// empty if there is none: it is got in another way then.
func (s Source) Bundled(ctx context.Context, name string) (File, error) {
	if s.K3s.Bundle == "" {
		return File{}, nil
	}
	f := File{Name: name, Path: filepath.Join(s.K3s.Bundle, name)}
	sum, size, err := sumOf(ctx, f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return File{}, nil
	case err != nil:
		return File{}, machine.WithHint(fmt.Errorf("read the bundle: %w", err), "make %s readable, or remove it", f.Path)
	}
	sums, err := s.addedSums()
	if err != nil {
		return File{}, err
	}
	switch want := sums[name]; {
	case want == "":
		return File{}, machine.WithHint(fmt.Errorf("the checksum of %s is not known", f.Path),
			"a file %s in the folder has to name it, as sha256sum writes it", addedSums)
	case want != sum:
		return File{}, machine.WithHint(&WrongSumError{File: f.Path, Want: want, Got: sum}, "copy the file and its checksum again, of the same release of k3sedge")
	}
	f.SHA256, f.Size = sum, size
	return f, nil
}

// addedSums reads the checksums of all architectures.
func (s Source) addedSums() (map[string]string, error) {
	lists, err := filepath.Glob(filepath.Join(s.K3s.Bundle, addedSums))
	if err != nil {
		return nil, fmt.Errorf("look for checksums in the bundle: %w", err)
	}
	out := map[string]string{}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		var sums map[string]string
		if err == nil {
			sums, err = parseSums(data)
		}
		if err != nil {
			return nil, machine.WithHint(fmt.Errorf("read the checksums %s: %w", list, err), "write it with sha256sum")
		}
		maps.Copy(out, sums)
	}
	return out, nil
}
