package inventory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

var (
	errNotRegular = errors.New("is not a regular file")
	errTooLarge   = errors.New("is too large")
)

// readRegular reads a file of at most limit bytes. A pipe or a device is
// refused, because opening one may wait for ever.
func readRegular(path string, limit int64) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(data)) > limit {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	return data, info.Mode().Perm(), nil
}

// reason is err without the operation and the path, which the caller names.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// SaveNew writes a new file whole or not at all, and makes the folder it
// stands in. A file that is already there is left as it is: the error then is
// fs.ErrExist.
func SaveNew(path string, data []byte) error {
	// A link, unlike a rename, fails where the name is taken.
	err := place(path, data, 0o644, os.Link)
	if errors.Is(err, fs.ErrExist) {
		return withHint(fmt.Errorf("write %s: %w", path, fs.ErrExist), "edit it, or move it away first")
	}
	return err
}

// Replace writes a file whole or not at all, whatever stood there before, and
// makes the folder it stands in.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return place(path, data, mode, os.Rename)
}

// place writes a file beside path and then gives it that name by put, so that
// nobody ever sees half of it.
func place(path string, data []byte, mode fs.FileMode, put func(from, to string) error) error {
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	err = fill(tmp, data, mode)
	if err == nil {
		err = put(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// fill writes a file and sees to it that it survives a power cut.
func fill(file *os.File, data []byte, mode fs.FileMode) error {
	_, err := file.Write(data)
	return errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
}
