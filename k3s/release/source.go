package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// published is where K3s has the files of its releases.
const published = "https://github.com/k3s-io/k3s/releases/download"

// elsewhere is the hint of everything that a bundle helps against.
const elsewhere = "or put the release's files into a folder and name it as k3s.bundle"

// Source is where the files come from: what the user's file says, and what
// this machine has already.
type Source struct {
	K3s   inventory.K3s
	Cache string // a folder for downloads, one folder a release in it
	// BaseURL stands for K3s' own downloads; Client for http.DefaultClient.
	BaseURL string
	Client  *http.Client
	// Progress, if set, is told how a download goes; total is 0 if it is not
	// known.
	Progress func(file string, done, total int64)

	// Tests set list instead of versions(), and another time than quiet.
	list  map[string]map[string]sums
	quiet time.Duration
}

// Version is the release that is wanted.
func (s Source) Version() string { return cmp.Or(s.K3s.Version, Default()) }

// Look returns the files for the architecture: those that are there, held
// against their checksums, and which of them have to be downloaded. It
// changes nothing.
func (s Source) Look(ctx context.Context, arch string) (Files, []Missing, error) {
	if err := checkArch(arch); err != nil {
		return Files{}, nil, err
	}
	out := Files{Version: s.Version(), Arch: arch}
	sums, err := s.sums(&out)
	if err != nil {
		return Files{}, nil, err
	}
	var missing []Missing
	for _, want := range []struct {
		name string
		into *File
	}{{binaryName(arch), &out.Binary}, {imagesName(arch), &out.Images}} {
		f := File{Name: want.name, SHA256: sums[want.name]}
		m, err := s.file(ctx, &f, out)
		if err != nil {
			return Files{}, nil, err
		}
		*want.into = f
		if m != nil {
			missing = append(missing, *m)
		}
	}
	out.Added, err = s.Bundled(ctx, addedName(arch))
	return out, missing, err
}

// sums returns the checksums by name: those of our list and, for what is not
// in it, those that the bundle itself brings.
func (s Source) sums(out *Files) (map[string]string, error) {
	list := s.list
	if list == nil {
		list = versions()
	}
	ours := list[out.Version][out.Arch].byName(out.Arch)
	out.SumsFrom = "k3sedge"
	if len(ours) == 2 || s.K3s.Bundle == "" {
		return ours, nil
	}
	path := filepath.Join(s.K3s.Bundle, sumsName(out.Arch))
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && s.K3s.Binary != "" {
		return ours, nil // a binary of the user's own stands for itself
	}
	var sums map[string]string
	if err == nil {
		sums, err = parseSums(data)
	}
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("read the checksums of the bundle %s: %w", s.K3s.Bundle, err),
			"k3sedge does not know all files of %s itself: put %s of the release into the folder", out.Version, sumsName(out.Arch))
	}
	out.SumsFrom = path
	maps.Copy(sums, ours)
	return sums, nil
}

// file finds one file, and says so if it has to be downloaded.
func (s Source) file(ctx context.Context, f *File, of Files) (*Missing, error) {
	isBinary := f.Name == binaryName(of.Arch)
	own := s.K3s.Binary != ""
	switch {
	case isBinary && own:
		return nil, s.ownBinary(ctx, f, of.Arch)
	case s.K3s.Bundle != "":
		return nil, s.fromBundle(ctx, f, own)
	case f.SHA256 == "" && own:
		return nil, nil // images are not needed by a binary of the user's own
	case f.SHA256 == "":
		return nil, machine.WithHint(fmt.Errorf("the checksum of %s of K3s %s is not known", f.Name, of.Version),
			"set k3s.version to %s, %s", Default(), elsewhere)
	}
	return s.fromCache(ctx, f, of)
}

// ownBinary is what the user's file names as k3s.binary. Nobody else can say
// what its checksum has to be.
func (s Source) ownBinary(ctx context.Context, f *File, arch string) (err error) {
	f.Path = strings.TrimPrefix(s.K3s.Binary, "file:")
	if err := checkProgram(f.Path, arch); err != nil {
		return machine.WithHint(fmt.Errorf("look at k3s.binary: %w", err), "name a k3s program for Linux on %s", arch)
	}
	if f.SHA256, f.Size, err = sumOf(ctx, f.Path); err != nil {
		return fmt.Errorf("read k3s.binary: %w", err)
	}
	return nil
}

// fromBundle finds a file in the folder that the user names.
func (s Source) fromBundle(ctx context.Context, f *File, optional bool) error {
	path := filepath.Join(s.K3s.Bundle, f.Name)
	sum, size, err := sumOf(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && optional:
		return nil
	case err != nil:
		return machine.WithHint(fmt.Errorf("read the bundle: %w", err), "put %s of the release into %s", f.Name, s.K3s.Bundle)
	case f.SHA256 == "":
		return machine.WithHint(fmt.Errorf("the checksum of %s is not known", path), "%s in the folder has to name it", "sha256sum-ARCH.txt")
	case sum != f.SHA256:
		return machine.WithHint(&WrongSumError{File: path, Want: f.SHA256, Got: sum},
			"copy the file again; if it is of another release than %s, set k3s.version", s.Version())
	}
	f.Path, f.Size = path, size
	return nil
}

// fromCache finds a file that was downloaded before.
func (s Source) fromCache(ctx context.Context, f *File, of Files) (*Missing, error) {
	f.Path = filepath.Join(s.Cache, of.Version, f.Name)
	sum, size, err := sumOf(ctx, f.Path)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil && sum == f.SHA256:
		f.Size = size
		return nil, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, machine.WithHint(fmt.Errorf("read the cache: %w", err), "make %s readable, or remove it", s.Cache)
	}
	m := &Missing{URL: strings.TrimSuffix(cmp.Or(s.BaseURL, published), "/") + "/" + url.QueryEscape(of.Version) + "/" + f.Name}
	f.Size = s.announced(ctx, m.URL)
	m.File = *f
	m.Have = sizeOf(partOf(f.Path))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return m, nil
}

// partOf is where a download stands until it is whole.
func partOf(path string) string { return path + ".part" }
