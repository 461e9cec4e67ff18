package sshtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// errTorn is the end of a file that cannot be read on.
var errTorn = errors.New("torn")

// uploader returns the host as one that takes large files, and a folder on it.
func (s suite) uploader(t *testing.T) (machine.Host, machine.Uploader, string) {
	t.Helper()
	h := s.host(t)
	u, ok := h.(machine.Uploader)
	if !ok {
		t.Skip("not an Uploader")
	}
	return h, u, scratch(t, h)
}

func uploadOf(path string, content []byte) machine.Upload {
	sum := sha256.Sum256(content)
	return machine.Upload{
		Path: path, Mode: 0o755, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// largeFile is more than any buffer on the way holds.
func largeFile() []byte { return bytes.Repeat([]byte("0123456789abcde\n"), 5<<16) }

func (s suite) upload(t *testing.T) {
	h, up, dir := s.uploader(t)
	u := uploadOf(dir+"/large", largeFile())
	var told []int64
	u.Progress = func(sent int64) { told = append(told, sent) }
	opened := 0
	open := u.Open
	u.Open = func() (io.ReadCloser, error) { opened++; return open() }
	inode := func() string { return run(t, h, asRoot("stat", "--format=%i", u.Path)) }
	if err := up.Upload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if got := stat(t, h, u.Path); got != "81ed 0 0 5242880" {
		t.Errorf("got %s", got)
	}
	if !slices.IsSorted(told) || len(told) < 3 || told[len(told)-1] != u.Size {
		t.Errorf("progress %v", told)
	}
	before := inode()
	if err := up.Upload(t.Context(), u); err != nil || opened != 1 || inode() != before {
		t.Errorf("the second time: %v, opened %d times", err, opened)
	}
	wantNoUploads(t, h, dir)
}

func (s suite) uploadMends(t *testing.T) {
	h, up, dir := s.uploader(t)
	u := uploadOf(dir+"/file", []byte("content"))
	for _, spoil := range []string{":", `chmod 0700 "$1"`, `printf C | dd of="$1" conv=notrunc status=none`, `ln -sf /bin/true "$1"`} {
		run(t, h, asRoot("sh", "-c", spoil, "sh", u.Path))
		if err := up.Upload(t.Context(), u); err != nil {
			t.Errorf("after %s: %v", spoil, err)
		}
		if got := run(t, h, asRoot("cat", u.Path)); stat(t, h, u.Path) != "81ed 0 0 7" || got != "content" {
			t.Errorf("after %s: %q", spoil, got)
		}
	}
}

func (s suite) uploadFolders(t *testing.T) {
	h, up, dir := s.uploader(t)
	run(t, h, asRoot("mkdir", "-m", "0700", dir+"/closed"))
	u := uploadOf(dir+"/closed/a/b/it's empty", nil)
	u.Mode = 0o600
	if err := up.Upload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if got := stat(t, h, u.Path); got != "8180 0 0 0" {
		t.Errorf("got %s", got)
	}
	for folder, want := range map[string]string{"/closed": "41c0 0 0 ", "/closed/a": "41ed 0 0 ", "/closed/a/b": "41ed 0 0 "} {
		if got := stat(t, h, dir+folder); !strings.HasPrefix(got, want) {
			t.Errorf("%s is %s", folder, got)
		}
	}
}

func (s suite) uploadBroken(t *testing.T) {
	h, up, dir := s.uploader(t)
	run(t, h, asRoot("sh", "-c", `echo old >"$1/file"`, "sh", dir))
	reads := func(r io.Reader) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(r), nil }
	}
	for name, spoil := range map[string]func(*machine.Upload){
		"another checksum": func(u *machine.Upload) { u.SHA256 = strings.Repeat("0", 64) },
		"too short":        func(u *machine.Upload) { u.Open = reads(strings.NewReader("short")) },
		"too long":         func(u *machine.Upload) { u.Size-- },
		"torn": func(u *machine.Upload) {
			u.Open = reads(io.MultiReader(bytes.NewReader(largeFile()), &broken{errTorn}))
			u.Size *= 2
		},
		"cannot be opened": func(u *machine.Upload) { u.Open = func() (io.ReadCloser, error) { return nil, errTorn } },
	} {
		u := uploadOf(dir+"/file", largeFile())
		spoil(&u)
		if err := up.Upload(t.Context(), u); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := run(t, h, asRoot("cat", dir+"/file")); got != "old\n" {
			t.Errorf("%s: %d bytes are in its place", name, len(got))
		}
		wantNoUploads(t, h, dir)
	}
}

// broken is a reader that fails.
type broken struct{ err error }

// Read fails.
func (b *broken) Read([]byte) (int, error) { return 0, b.err }

func (s suite) uploadCancelled(t *testing.T) {
	h, up, dir := s.uploader(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u := uploadOf(dir+"/file", largeFile())
	var done atomic.Bool
	u.Progress = func(sent int64) {
		if sent > 1<<20 && !done.Swap(true) {
			cancel()
		}
	}
	if err := Promptly(t, func() error { return up.Upload(ctx, u) }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := run(t, h, asRoot("ls", "-A", dir)); got != "" {
		t.Errorf("there is %q", got)
	}
	wantNoUploads(t, h, dir)
}

func (s suite) uploadNoRoom(t *testing.T) {
	h, up, dir := s.uploader(t)
	u := uploadOf(dir+"/no/such/file", nil)
	u.Size = 1 << 60
	u.Open = func() (io.ReadCloser, error) { t.Error("it was begun"); return nil, errTorn }
	var full *machine.NoRoomError
	err := up.Upload(t.Context(), u)
	if !errors.As(err, &full) || full.Folder != dir || full.Needed < u.Size || full.Free <= 0 {
		t.Errorf("got %v", err)
	}
	if got := run(t, h, asRoot("ls", "-A", dir)); got != "" {
		t.Errorf("there is %q", got)
	}
}

func (s suite) uploadRefused(t *testing.T) {
	h, up, dir := s.uploader(t)
	run(t, h, asRoot("mkdir", dir+"/folder"))
	for name, spoil := range map[string]func(*machine.Upload){
		"relative path":   func(u *machine.Upload) { u.Path = "file" },
		"no mode":         func(u *machine.Upload) { u.Mode = 0 },
		"setuid":          func(u *machine.Upload) { u.Mode = 0o4755 },
		"no checksum":     func(u *machine.Upload) { u.SHA256 = "" },
		"half a checksum": func(u *machine.Upload) { u.SHA256 = u.SHA256[:32] },
		"over a folder":   func(u *machine.Upload) { u.Path = dir + "/folder" },
	} {
		u := uploadOf(dir+"/file", []byte("content"))
		spoil(&u)
		u.Open = func() (io.ReadCloser, error) { t.Errorf("%s: it was begun", name); return nil, errTorn }
		if err := up.Upload(t.Context(), u); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
