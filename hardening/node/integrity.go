package node

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const dpkgInfo = "/var/lib/dpkg/info"

// integrity compares the programs of packages with the checksums that came
// with them. One that is not installed has no entry. It finds damage and
// careless changes; who changes the checksums too is not found.
func (h Host) integrity(packages []string, into *map[string]facts.PackageFiles) map[string]error {
	out, missing := map[string]facts.PackageFiles{}, map[string]error{}
	for _, name := range packages {
		sums, err := h.md5sums(name)
		if isAbsent(err) {
			continue
		}
		if err == nil {
			out[name], err = h.compareSums(sums)
		}
		if err != nil {
			missing[name] = fmt.Errorf("compare with the checksums of %s: %w", name, err)
			delete(out, name)
		}
	}
	*into = out
	return missing
}

// md5sums reads a package's list, which bears the architecture where a
// package may be installed for more than one.
func (h Host) md5sums(name string) (string, error) {
	if strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("%q is no package", name)
	}
	b, err := h.readSmall(path.Join(dpkgInfo, name+".md5sums"))
	return string(b), err
}

func (h Host) compareSums(sums string) (facts.PackageFiles, error) {
	out := facts.PackageFiles{Changed: []string{}}
	for line := range strings.Lines(sums) {
		sum, name, found := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		if !found || !isProgram(name) {
			continue
		}
		have, err := h.md5(name)
		if err != nil {
			return out, err
		}
		out.Checked++
		if have != sum {
			out.Changed = append(out.Changed, "/"+name)
		}
	}
	return out, nil
}

// md5 is the checksum of a file, "" where it is gone. dpkg knows no better one.
func (h Host) md5(name string) (string, error) {
	f, err := os.Open(h.path("/" + name))
	if isAbsent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := md5.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
