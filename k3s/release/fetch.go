package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// askLimit is how long a plan waits to learn a file's size.
const askLimit = 3 * time.Second

// Fetch downloads what is missing and returns the files, each held against
// its checksum. What was downloaded is kept when it ends early, and the next
// Fetch goes on from there.
func (s Source) Fetch(ctx context.Context, arch string) (Files, error) {
	files, missing, err := s.Look(ctx, arch)
	if err != nil || len(missing) == 0 {
		return files, err
	}
	for _, m := range missing {
		if err := s.download(ctx, m); err != nil {
			return Files{}, fmt.Errorf("download %s of K3s %s: %w", m.Name, files.Version, err)
		}
	}
	files, missing, err = s.Look(ctx, arch)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%s went away again after its download", missing[0].Path)
	}
	return files, err
}

// download brings one file into the cache, alone among all processes.
func (s Source) download(ctx context.Context, m Missing) error {
	folder := filepath.Dir(m.Path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return machine.WithHint(err, "make %s writable", s.Cache)
	}
	unlock, err := lock(ctx, m.Path+".lock", m.Name)
	if err != nil {
		return err
	}
	defer unlock()
	if sum, _, err := sumOf(ctx, m.Path); err == nil && sum == m.SHA256 {
		return nil // another process was faster
	}
	d := &download{source: s, missing: m, part: partOf(m.Path)}
	err = d.whole(ctx)
	var wrong *WrongSumError
	if errors.As(err, &wrong) && d.resumed {
		// What was left from earlier may be of another file than today's.
		d.resumed = false
		err = d.whole(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &wrong):
		return machine.WithHint(err, "somebody between here and %s changes the file, or it was published anew: do not use it; %s", m.URL, elsewhere)
	case err != nil:
		return err
	}
	return os.Rename(d.part, m.Path)
}

// lock waits until no other process downloads the same file. The kernel gives
// the lock up when a process ends, so nothing stale stays.
func lock(ctx context.Context, path, name string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing gives the lock up
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, errors.Join(err, f.Close()))
		}
		converge.Waiting(ctx, "another k3sedge to finish the download of "+name, "")
		if !converge.Pause(ctx, 100*time.Millisecond) {
			return nil, errors.Join(context.Cause(ctx), f.Close())
		}
	}
}

// announced asks for the size of a file; 0 is no answer.
func (s Source) announced(ctx context.Context, url string) int64 {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return 0
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close() // HEAD has none
	if resp.StatusCode != http.StatusOK || resp.ContentLength < 0 {
		return 0
	}
	return resp.ContentLength
}

func (s Source) client() *http.Client { return cmp.Or(s.Client, http.DefaultClient) }
