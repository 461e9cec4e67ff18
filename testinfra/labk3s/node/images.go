package node

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/sirupsen/logrus"
)

// image is an unpacked image.
type image struct {
	ID         string // sha256:…, of its configuration
	Root       string // folder
	Entrypoint []string
	Cmd        []string
	Env        []string
	User       string
	WorkingDir string
}

// images keeps what the archives in a folder hold.
type images struct {
	archives, store string
	importing       sync.Mutex
	mu              sync.Mutex
	byName          map[string]image
}

func newImages(archives, store string) *images {
	return &images{archives: archives, store: store, byName: map[string]image{}}
}

// get finds an image by the name that a pod gives it.
func (i *images) get(name string) (image, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	found, ok := i.byName[familiar(name)]
	return found, ok
}

// familiar drops the parts of a name that docker adds.
func familiar(name string) string {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
	if at := strings.LastIndexByte(name, ':'); at < strings.LastIndexByte(name, '/')+1 {
		name += ":latest"
	}
	return name
}

// importAll takes in every archive. As in K3s one that cannot be read is told
// in the log and does not keep the node from starting.
func (i *images) importAll() {
	i.importing.Lock()
	defer i.importing.Unlock()
	entries, err := os.ReadDir(i.archives)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		logrus.Errorf("images: %v", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.Contains(e.Name(), ".tar") {
			continue
		}
		file := filepath.Join(i.archives, e.Name())
		names, err := i.importFile(file)
		if err != nil {
			logrus.Errorf("images: import %s: %v", file, err)
			continue
		}
		logrus.Infof("images: imported %v from %s", names, file)
	}
}

// importFile takes in one archive, in the form in which docker saves images.
func (i *images) importFile(file string) ([]string, error) {
	if err := os.MkdirAll(i.store, 0o700); err != nil {
		return nil, fmt.Errorf("make the store: %w", err)
	}
	if names, err := i.known(file); err == nil {
		return names, nil
	}
	dir, err := os.MkdirTemp(i.store, ".import-")
	if err != nil {
		return nil, fmt.Errorf("make room: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := unpackArchive(file, dir); err != nil {
		return nil, err
	}
	var manifest []saved
	if err := readJSON(filepath.Join(dir, "manifest.json"), &manifest); err != nil {
		return nil, err
	}
	taken := map[string]image{}
	for _, m := range manifest {
		img, err := i.take(dir, m)
		if err != nil {
			return nil, err
		}
		for _, tag := range m.RepoTags {
			taken[familiar(tag)] = img
		}
	}
	return i.remember(file, taken)
}

// saved is an image in an archive's manifest.json.
type saved struct {
	Config           string
	RepoTags, Layers []string
}

// take moves one image from an unpacked archive into the store.
func (i *images) take(dir string, m saved) (image, error) {
	var about struct {
		Config struct {
			Entrypoint, Cmd, Env []string
			User, WorkingDir     string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if !filepath.IsLocal(m.Config) {
		return image{}, fmt.Errorf("manifest.json names %q", m.Config)
	}
	if err := readJSON(filepath.Join(dir, m.Config), &about); err != nil {
		return image{}, err
	}
	id := strings.TrimSuffix(filepath.Base(m.Config), ".json")
	// Images of the same layers share a root: nobody writes to it.
	same := sha256.Sum256([]byte(strings.Join(about.RootFS.DiffIDs, ",")))
	root := "layers-" + hex.EncodeToString(same[:])
	if len(about.RootFS.DiffIDs) == 0 {
		root = id
	}
	img := image{
		ID: "sha256:" + id, Root: filepath.Join(i.store, root, "rootfs"),
		Entrypoint: about.Config.Entrypoint, Cmd: about.Config.Cmd, Env: about.Config.Env,
		User: about.Config.User, WorkingDir: about.Config.WorkingDir,
	}
	if _, err := os.Stat(img.Root); err == nil {
		return img, nil
	}
	half := filepath.Join(dir, "rootfs-"+id)
	if err := os.Mkdir(half, 0o755); err != nil {
		return image{}, fmt.Errorf("make a root: %w", err)
	}
	for _, layer := range m.Layers {
		if !filepath.IsLocal(layer) {
			return image{}, fmt.Errorf("manifest.json names %q", layer)
		}
		if err := unpackArchive(filepath.Join(dir, layer), half); err != nil {
			return image{}, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(img.Root), 0o755); err != nil {
		return image{}, fmt.Errorf("make room: %w", err)
	}
	if err := os.Rename(half, img.Root); err != nil {
		return image{}, fmt.Errorf("keep a root: %w", err)
	}
	return img, nil
}

func readJSON(file string, into any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("parse %s: %w", filepath.Base(file), err)
	}
	return nil
}

// unpackArchive unpacks a tar file, compressed or not, below dir.
func unpackArchive(file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = f
	switch filepath.Ext(file) {
	case ".zst", ".zstd":
		d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return fmt.Errorf("decompress: %w", err)
		}
		defer d.Close()
		in = d
	case ".gz", ".tgz":
		if in, err = gzip.NewReader(f); err != nil {
			return fmt.Errorf("decompress: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return untar(tar.NewReader(in), root)
}
