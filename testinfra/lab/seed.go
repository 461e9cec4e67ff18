//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/k3sedge/k3sedge/testinfra/iso"
)

// seedDir is where cloud-init looks for a seed besides disks and CD-ROMs.
const seedDir = "var/lib/cloud/seed/nocloud"

// maxSeedFile is more than any seed needs and less than hurts.
const maxSeedFile = 4 << 20

// seed holds the files of a NoCloud seed by name; empty when there is none.
type seed map[string][]byte

// seedNames are the files cloud-init reads from a NoCloud seed.
func seedNames() []string { return []string{"user-data", "meta-data", "network-config", "vendor-data"} }

// readSeed reads the seed from the first of the CD-ROMs that is one.
func readSeed(isos []string) (seed, error) {
	for _, path := range isos {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the attached ISO: %w", err)
		}
		s, err := parseSeed(data)
		if err != nil {
			return nil, fmt.Errorf("read the attached ISO %s: %w", filepath.Base(path), err)
		}
		if len(s) > 0 {
			return s, nil
		}
	}
	return seed{}, nil
}

// parseSeed reads a seed out of the bytes of an ISO as a machine would: it
// counts only with cloud-init's label and with both files that make a seed.
// What is no ISO at all is an empty disc, not an error.
func parseSeed(data []byte) (seed, error) {
	disc, err := iso.Read(data)
	switch {
	case errors.Is(err, iso.ErrNone):
		return seed{}, nil
	case err != nil:
		return nil, err
	case !strings.EqualFold(disc.Label, "cidata"):
		return seed{}, nil
	}
	found := seed{}
	for name, content := range disc.Files {
		if !isSeedName(name) {
			continue
		}
		if len(content) > maxSeedFile {
			return nil, fmt.Errorf("%s: %d bytes are too many for a seed", name, len(content))
		}
		found[name] = content
	}
	if found["user-data"] == nil || found["meta-data"] == nil {
		return seed{}, nil // cloud-init ignores such a disc
	}
	return found, nil
}

func isSeedName(name string) bool {
	for _, n := range seedNames() {
		if n == name {
			return true
		}
	}
	return false
}

// plant puts the seed where the machine's cloud-init finds it, in place of
// any seed of an earlier boot. Without a seed the folder goes away, as a disc
// that was taken out.
func (s seed) plant(root string) error {
	// The folder is ours alone: it is reached without following links the
	// machine might have laid.
	tree, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("place seed: %w", err)
	}
	defer tree.Close()
	if err := tree.RemoveAll(seedDir); err != nil {
		return fmt.Errorf("remove old seed: %w", err)
	}
	if len(s) == 0 {
		return nil
	}
	if err := tree.MkdirAll(seedDir, 0o700); err != nil {
		return fmt.Errorf("place seed: %w", err)
	}
	var failed error
	for name, content := range s {
		failed = errors.Join(failed, tree.WriteFile(filepath.Join(seedDir, name), content, 0o600))
	}
	return failed
}
