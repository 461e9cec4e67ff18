//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kdomanski/iso9660"
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
func parseSeed(data []byte) (s seed, err error) {
	// The ISO comes from outside, and the reader trusts its lengths.
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("damaged ISO: %v", r)
		}
	}()
	if !hasVolume(data) {
		return seed{}, nil
	}
	image, err := iso9660.OpenImage(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("damaged ISO: %w", err)
	}
	label, err := image.Label()
	if err != nil {
		return nil, fmt.Errorf("ISO without a label: %w", err)
	}
	if !strings.EqualFold(strings.TrimRight(label, " \x00"), "cidata") {
		return seed{}, nil
	}
	root, err := image.RootDir()
	if err != nil {
		return nil, fmt.Errorf("ISO without a folder: %w", err)
	}
	return seedFiles(root)
}

// hasVolume looks for the mark of an ISO 9660 volume after its 16 free sectors.
func hasVolume(data []byte) bool {
	const mark = 16*2048 + 1
	return len(data) > mark+5 && string(data[mark:mark+5]) == "CD001"
}

// seedFiles reads the seed's files from the disc's folder. cloud-init ignores
// a disc that lacks user-data or meta-data.
func seedFiles(root *iso9660.File) (seed, error) {
	entries, err := root.GetChildren()
	if err != nil {
		return nil, fmt.Errorf("read folder: %w", err)
	}
	found := seed{}
	for _, e := range entries {
		// Linux shows names without Rock Ridge in lower case.
		name := strings.ToLower(e.Name())
		if e.IsDir() || !isSeedName(name) {
			continue
		}
		if e.Size() > maxSeedFile {
			return nil, fmt.Errorf("%s: %d bytes are too many for a seed", name, e.Size())
		}
		content, err := io.ReadAll(e.Reader())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		found[name] = content
	}
	_, user := found["user-data"]
	_, meta := found["meta-data"]
	if !user || !meta {
		return seed{}, nil
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
