package fakepve

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const uploadPattern = "/nodes/{node}/storage/{storage}/upload"

var (
	isoName    = regexp.MustCompile(`(?i)^[^/]+\.(?:iso|img)$`)
	importName = regexp.MustCompile(`^[a-zA-Z0-9_.+=-]+\.(qcow2|raw)$`)
	importKind = regexp.MustCompile(`\.(ova|vmdk)$`)
)

func contentRoutes() []route {
	checksum := map[string]check{"checksum": text, "checksum-algorithm": oneOf("md5", "sha1", "sha224", "sha256", "sha384", "sha512")}
	kind := oneOf("iso", "vztmpl", "import")
	return []route{
		{method: http.MethodPost, pattern: uploadPattern, run: upload, tasked: true,
			allow:  allOf("/storage/{storage}", "Datastore.AllocateTemplate"),
			schema: takes(map[string]check{"content": kind, "filename": text}).and(checksum)},
		{method: http.MethodPost, pattern: "/nodes/{node}/storage/{storage}/download-url", run: downloadURL, tasked: true,
			allow: both(allOf("/storage/{storage}", "Datastore.AllocateTemplate"),
				either(allOf("/", "Sys.Audit", "Sys.Modify"), allOf("/nodes/{node}", "Sys.AccessNetwork"))),
			schema: takes(map[string]check{"content": kind, "filename": text, "url": pattern(urlForm)}).and(checksum).
				and(map[string]check{"verify-certificates": boolean, "compression": text})},
	}
}

// target checks where a file is to go, and returns the volume it will be.
func (c *call) target() (Storage, volume, error) {
	content, name := c.args.get("content"), normalName(c.args.get("filename"))
	st, err := c.srv.storage(c.vars["storage"])
	if err != nil {
		return st, volume{}, err
	}
	v := volume{ID: st.ID + ":" + content + "/" + name, Storage: st.ID, Content: content, Format: "iso",
		File: filepath.Join(st.ID, content, name), CTime: time.Now().Unix()}
	if content == "import" {
		v.Format = name[strings.LastIndexByte(name, '.')+1:]
	}
	if c.args.has("checksum") != c.args.has("checksum-algorithm") {
		return st, v, invalid("checksum", "missing property - 'checksum-algorithm' requires this property")
	}
	return st, v, st.takes(content, name)
}

// takes says whether a file may be put on the storage.
func (st Storage) takes(content, name string) error {
	switch {
	case !st.fileBased():
		return die("can't upload to storage type '%s', not a file based storage!", st.Type)
	case content == "vztmpl" || (content == "import" && importKind.MatchString(name)):
		return notTaught("content %s of file %s", content, name)
	case content == "iso" && !isoName.MatchString(name):
		return invalid("filename", "wrong file extension")
	case content == "import" && !importName.MatchString(name):
		return invalid("filename", "invalid filename or wrong extension")
	case !st.allows(content):
		return die("storage '%s' is not configured for content-type '%s'", st.ID, content)
	}
	return nil
}

// store puts a file that was received into its place, over an older one of
// the same name.
func (s *Server) store(st Storage, v volume, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("store %s: %w", v.ID, err)
	}
	v.Size, v.Used = info.Size(), info.Size()
	if v.Content == "import" {
		if v.Size, err = imageSize(from, v.Format); err != nil {
			return fmt.Errorf("failed to verify file: %w", err)
		}
	}
	if err := s.reserve(st, v); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.file(v)), 0o700); err != nil {
		return fmt.Errorf("store %s: %w", v.ID, err)
	}
	return os.Rename(from, s.file(v))
}

// imageSize reads the virtual size of a disk image, and refuses what Proxmox
// VE does not take from strangers.
func imageSize(path, format string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	if format == "raw" {
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	head := make([]byte, 32)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:4]) != "QFI\xfb" {
		return 0, errors.New("qemu-img: Could not open '" + filepath.Base(path) + "': Image is not in qcow2 format")
	}
	if binary.BigEndian.Uint64(head[8:]) != 0 {
		return 0, errors.New("backing file not allowed for untrusted image '" + filepath.Base(path) + "'!")
	}
	size := binary.BigEndian.Uint64(head[24:])
	if size > 1<<60 {
		return 0, errors.New("size is not valid")
	}
	return int64(size), nil
}

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha224":
		return sha256.New224()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	}
	return sha512.New()
}

// verifySum compares a file with the checksum of a call, if it has one.
func (c *call) verifySum(t *running, path string) error {
	want := strings.ToLower(c.args.get("checksum"))
	if want == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := newHash(c.args.get("checksum-algorithm"))
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("checksum mismatch: got '%s' != expect '%s'", got, want)
	}
	t.say("calculating checksum...OK, checksum verified")
	return nil
}

func deleteContent(c *call) (any, error) {
	v, err := c.theVolume()
	if err != nil {
		return nil, err
	}
	if err := c.check("/storage/"+v.Storage, "Datastore.Allocate"); err != nil {
		return nil, err
	}
	id := v.Storage
	if v.VMID != 0 {
		id = fmt.Sprintf("%d@%s", v.VMID, v.Storage)
	}
	return c.spawn("imgdel", id, func(_ context.Context, t *running) error {
		if err := c.srv.free(v.ID); err != nil {
			return err
		}
		t.say("Removed volume '%s'", v.ID)
		return nil
	})
}
