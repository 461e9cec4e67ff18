package look

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// errTooLarge is a file whose content was asked for and is not handed out.
var errTooLarge = errors.New("too large to be handed out")

// file looks at one path and follows no link that stands there.
func (h host) file(ctx context.Context, q FileQuery) File {
	name := h.path(q.Path)
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return File{Absent: true}
	}
	if err != nil {
		return File{Err: err.Error()}
	}
	f := File{Mode: info.Mode(), UID: owner(info), Size: info.Size(), Changed: changed(info)}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		f.Link, err = os.Readlink(name)
	case info.Mode().IsRegular() && (q.Content || !q.NoSum):
		err = f.read(ctx, name, q)
	}
	if err != nil {
		f.Err = err.Error()
	}
	return f
}

// read reads the file once, for its checksum and its content.
func (f *File) read(ctx context.Context, name string, q FileQuery) error {
	if q.NoSum && f.Size > MaxContent {
		return tooLarge(f.Size)
	}
	r, err := os.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	var content limited
	sum := sha256.New()
	var into []io.Writer
	if q.Content {
		into = append(into, &content)
	}
	if !q.NoSum {
		into = append(into, sum)
	}
	n, err := io.Copy(io.MultiWriter(into...), machine.ReaderUntil(ctx, r))
	if err != nil {
		return err
	}
	f.Size = n // what was read, should it have grown meanwhile
	if !q.NoSum {
		f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	if n > MaxContent && q.Content {
		return tooLarge(n)
	}
	f.Content = content.kept
	return nil
}

func tooLarge(size int64) error {
	return fmt.Errorf("%d bytes, more than %d: %w", size, MaxContent, errTooLarge)
}

// limited keeps what fits into MaxContent and lets the rest pass.
type limited struct{ kept []byte }

// Write keeps p while there is room.
func (l *limited) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[:min(len(p), MaxContent-len(l.kept))]...)
	return len(p), nil
}

// space measures the folder, or the nearest above it that is there: that is
// where it would be made.
func (h host) space(folder string) Space {
	for {
		free, total, err := measure(h.path(folder))
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Clean(folder) != "/":
			folder = path.Dir(folder)
			continue
		case err != nil:
			return Space{Err: fmt.Sprintf("measure %s: %v", folder, err)}
		}
		return Space{Free: free, Total: total}
	}
}
