package ssh

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"

	"github.com/pkg/sftp"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// errShort is a file that is shorter or longer than it was said to be, or that
// was not taken whole.
var errShort = errors.New("not the bytes that were announced")

// transfer is a link's SFTP session, opened when the first file is sent.
type transfer struct {
	mu     sync.Mutex
	client *sftp.Client
	home   string
}

// open returns the SFTP session and the login user's home.
func (t *transfer) open(l *link) (*sftp.Client, string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		return t.client, t.home, nil
	}
	// What is written is read back by its hash before it is used, so that
	// writes may be answered in any order.
	client, err := sftp.NewClient(l.client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return nil, "", machine.WithHint(fmt.Errorf("start SFTP: %w", err), "sshd on %s needs the line: Subsystem sftp internal-sftp", l.cfg.name())
	}
	home, err := client.RealPath(".")
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("find home: %w", err), client.Close())
	}
	t.client, t.home = client, home
	go func() {
		_ = client.Wait()
		t.forget(client)
	}()
	return client, home, nil
}

// forget makes the next file open a new SFTP session.
func (t *transfer) forget(ended *sftp.Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client == ended {
		t.client = nil
	}
}

// source is a file's content: read once, from its beginning.
type source struct {
	size     int64
	open     func() (io.ReadCloser, error)
	progress func(sent int64) // may be nil
}

// upload is one file on its way: in a directory of its own that only the
// login user can enter, below that user's home.
type upload struct {
	host   *Host
	link   *link
	name   string // of the directory
	source source
}

func (h *Host) newUpload(ctx context.Context, from source) (*upload, error) {
	l, err := h.connected(ctx)
	if err != nil {
		return nil, err
	}
	return &upload{host: h, link: l, name: ".k3sedge-" + rand.Text(), source: from}, nil
}

// send writes the file and returns its path on the host. When it fails or
// ctx ends, the directory is removed again.
func (u *upload) send(ctx context.Context) (string, error) {
	var file string
	var err error
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		file, err = u.write(ctx)
	}()
	select {
	case <-settled:
	case <-u.link.lost:
		return "", u.link.lostError(nil)
	case <-ctx.Done():
		u.host.tidy(ctx, u.name, settled)
		return "", context.Cause(ctx)
	}
	if err == nil {
		return file, nil
	}
	u.host.tidy(ctx, u.name, settled)
	if u.link.isLost() {
		return "", u.link.lostError(err)
	}
	return "", err
}

func (u *upload) write(ctx context.Context) (string, error) {
	client, home, err := u.link.transfer.open(u.link)
	if err != nil {
		return "", err
	}
	from, err := u.source.open()
	if err != nil {
		return "", fmt.Errorf("open the file to send: %w", err)
	}
	defer from.Close()
	dir := path.Join(home, u.name)
	if err := client.Mkdir(dir); err != nil {
		return "", fmt.Errorf("make %s: %w", dir, err)
	}
	// Before there is anything in it.
	if err := client.Chmod(dir, 0o700); err != nil {
		return "", fmt.Errorf("close %s to others: %w", dir, err)
	}
	file := path.Join(dir, "file")
	f, err := client.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return "", fmt.Errorf("make %s: %w", file, err)
	}
	n, err := f.ReadFrom(&content{Reader: from, ctx: ctx, source: u.source})
	if err == nil && n != u.source.size {
		err = fmt.Errorf("%d of %d: %w", n, u.source.size, errShort)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", u.mayBeFull(fmt.Errorf("write %s: %w", file, err), home)
	}
	return file, nil
}

// mayBeFull names the usual reason of a failure for which SFTP has no word.
func (u *upload) mayBeFull(err error, home string) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) || status.FxCode() != sftp.ErrSSHFxFailure {
		return err
	}
	return machine.WithHint(err, "most often the disk is full: make room on %s (`df -h %s` there), then run the same command again", u.link.cfg.name(), home)
}

// content stops an upload that nobody waits for any more, and tells how far it is.
type content struct {
	io.Reader
	ctx    context.Context
	source source
	sent   int64
}

// Len lets the library send several parts at once.
func (c *content) Len() int { return int(c.source.size) }

// Read reads until the context ends.
func (c *content) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	if c.source.progress != nil {
		c.source.progress(c.sent) // what was read before is on its way now
	}
	n, err := c.Reader.Read(p)
	c.sent += int64(n)
	return n, err
}
