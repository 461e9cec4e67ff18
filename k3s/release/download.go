package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

const (
	// maxSize is far above any file of K3s: a server that never ends is cut off.
	maxSize = 4 << 30
	// quiet is how long a server may send nothing.
	quiet = time.Minute
	// stride is how many bytes come between two reports.
	stride = 1 << 20
)

// download is one file on its way into its part.
type download struct {
	source  Source
	missing Missing
	part    string
	resumed bool // something in the part is from an earlier process
}

// whole makes the part complete and holds it against the checksum. A
// connection that breaks is taken up again as long as that brings something.
func (d *download) whole(ctx context.Context) error {
	for {
		before := sizeOf(d.part)
		err := d.transfer(ctx)
		if err == nil {
			break
		}
		var broke *brokenError
		if !errors.As(err, &broke) || sizeOf(d.part) <= before || ctx.Err() != nil {
			return err
		}
	}
	sum, _, err := sumOf(ctx, d.part)
	if err != nil {
		return err
	}
	if sum != d.missing.SHA256 {
		wrong := &WrongSumError{File: d.missing.URL, Want: d.missing.SHA256, Got: sum}
		return errors.Join(wrong, os.Remove(d.part))
	}
	return nil
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// brokenError is a transfer that ended too early; what came is kept.
type brokenError struct {
	done, total int64
	err         error
}

// Error says how far it got.
func (e *brokenError) Error() string {
	of := ""
	if e.total > 0 {
		of = " of " + amount(e.total)
	}
	return fmt.Sprintf("the connection broke after %s%s: %v", amount(e.done), of, e.err)
}

// Unwrap returns the cause.
func (e *brokenError) Unwrap() error { return e.err }

// transfer asks for what the part lacks and appends it.
func (d *download) transfer(ctx context.Context) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	limit := cmp.Or(d.source.quiet, quiet)
	alarm := time.AfterFunc(limit, func() { stop(fmt.Errorf("nothing came for %s", limit)) })
	defer alarm.Stop()
	f, err := os.OpenFile(d.part, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	resp, err := d.ask(ctx, at)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or of no use
	switch {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		d.resumed = true // there is no more to come: the checksum tells whether it is the right file
		return nil
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", at)):
		d.resumed = d.resumed || at > 0
	case resp.StatusCode == http.StatusOK: // all of it, asked for or not
		if at, err = 0, errors.Join(f.Truncate(0), rewind(f)); err != nil {
			return err
		}
	default:
		return d.refused(resp)
	}
	return d.append(ctx, incoming{resp, f, at, func() { alarm.Reset(limit) }})
}

func rewind(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

func (d *download) ask(ctx context.Context, at int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.missing.URL, nil)
	if err != nil {
		return nil, err
	}
	// Bytes as they are: a range of what was compressed on the way is none of the file.
	req.Header.Set("Accept-Encoding", "identity")
	if at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
	}
	resp, err := d.source.client().Do(req)
	if err != nil {
		return nil, machine.WithHint(reason(ctx, err), "look whether this machine reaches %s, %s", req.URL.Host, elsewhere)
	}
	return resp, nil
}

// reason is why a transfer ended: what stopped it, or else its own error.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (d *download) refused(resp *http.Response) error {
	err := fmt.Errorf("%s answers %s", resp.Request.URL.Host, resp.Status)
	if resp.StatusCode == http.StatusNotFound {
		return machine.WithHint(err, "look whether k3s.version names a release of K3s, %s", elsewhere)
	}
	return machine.WithHint(err, "try again later, %s", elsewhere)
}

// incoming is an answer and the place in the part where it belongs.
type incoming struct {
	resp  *http.Response
	part  *os.File
	at    int64
	alive func() // something came
}

// append writes what comes to the part.
func (d *download) append(ctx context.Context, in incoming) error {
	total := int64(0)
	if in.resp.ContentLength >= 0 {
		total = in.at + in.resp.ContentLength
		if err := d.room(in.resp.ContentLength); err != nil {
			return err
		}
	}
	done, told := in.at, in.at
	d.tell(done, total)
	for buf := make([]byte, 64<<10); ; {
		n, readErr := in.resp.Body.Read(buf)
		if _, err := in.part.Write(buf[:n]); err != nil {
			return d.full(err, total-done)
		}
		if done += int64(n); n > 0 {
			in.alive()
		}
		if done-told >= stride || readErr != nil {
			d.tell(done, total)
			told = done
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return in.part.Sync()
		case readErr != nil:
			return machine.WithHint(&brokenError{done, total, reason(ctx, readErr)}, "run it again: it goes on where it ended, %s", elsewhere)
		case done > maxSize:
			return fmt.Errorf("%s sends more than %s", d.missing.URL, amount(maxSize))
		}
	}
}

// tell reports how far it is to the one who asked for it.
func (d *download) tell(done, total int64) {
	if d.source.Progress != nil {
		d.source.Progress(d.missing.Name, done, total)
	}
}

// room refuses a download that cannot fit.
func (d *download) room(need int64) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(d.part), &fs); err != nil {
		return nil // the write itself will tell
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < need {
		return d.noRoom(need, free)
	}
	return nil
}

func (d *download) full(err error, need int64) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return d.noRoom(max(need, 0), 0)
	}
	return err
}

func (d *download) noRoom(need, free int64) error {
	return machine.WithHint(fmt.Errorf("no room in %s: %s more are needed, %s are free", d.source.Cache, amount(need), amount(free)),
		"make room there, %s", elsewhere)
}

// amount is bytes for people, in the unit of download pages.
func amount(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
