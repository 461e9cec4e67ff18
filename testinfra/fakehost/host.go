package fakehost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"slices"
	"sync"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// ErrUnknown is what OnRun and OnQuery return for what they were not told; it
// fails the test.
var ErrUnknown = errors.New("the fake host was not told this command")

// errRefused is a file that the real host refuses too.
var errRefused = errors.New("refused")

// Host is a host in memory.
type Host struct {
	// OnRun does a command; without it every command fails the test.
	OnRun func(s *State, c machine.Command) (machine.Output, error)
	// OnQuery answers a query of package machine; without it every query
	// fails the test.
	OnQuery func(s *State, c machine.Command) (machine.Output, error)
	// OnDial opens a connection; without it every address refuses.
	OnDial func(ctx context.Context, address string) (net.Conn, error)
	// Fault is called before the nth change; its error is what comes of it.
	Fault func(n int, change string) error

	t       testing.TB
	mu      sync.Mutex
	state   State
	changes []string
	looks   []look.Request
	tried   int
}

var (
	_ machine.Host     = (*Host)(nil)
	_ machine.Uploader = (*Host)(nil)
	_ machine.Dialer   = (*Host)(nil)
	_ look.Looker      = (*Host)(nil)
)

// New returns an empty Debian.
func New(t testing.TB) *Host { return &Host{t: t, state: newState()} }

// Edit changes the host behind the back of whoever is tested.
func (h *Host) Edit(change func(s *State)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.state)
}

// State returns what the host is now.
func (h *Host) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.clone()
}

// Changes returns what was done to the host, in order: "run COMMAND", "write
// PATH" and "upload PATH". What failed is among them; what Fault stopped is not.
func (h *Host) Changes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.changes)
}

// Looks returns the requests that were asked.
func (h *Host) Looks() []look.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.looks)
}

// Forget empties the lists of changes and looks, as for a second run.
func (h *Host) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes, h.looks, h.tried = nil, nil, 0
}

// Run does a command by OnRun.
func (h *Host) Run(ctx context.Context, c machine.Command) (machine.Output, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.change(ctx, "run "+c.String()); err != nil {
		return machine.Output{}, err
	}
	return h.command(h.OnRun, c)
}

// Query answers a query by OnQuery.
func (h *Host) Query(ctx context.Context, q machine.Query) (machine.Output, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.reached(ctx); err != nil {
		return machine.Output{}, err
	}
	return h.command(h.OnQuery, q.Command())
}

func (h *Host) command(on func(*State, machine.Command) (machine.Output, error), c machine.Command) (machine.Output, error) {
	err := ErrUnknown
	var out machine.Output
	if on != nil {
		out, err = on(&h.state, c)
	}
	if errors.Is(err, ErrUnknown) {
		h.t.Errorf("fakehost: unexpected command: %s", c)
	}
	return out, err
}

// WriteFile puts a file in its place; its folder has to be there.
func (h *Host) WriteFile(ctx context.Context, f machine.File) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := check(f.Path, f.Mode); err != nil {
		return fmt.Errorf("write %q: %w", f.Path, err)
	}
	if err := h.change(ctx, "write "+f.Path); err != nil {
		return err
	}
	if !h.state.isFolder(path.Dir(f.Path)) || h.state.isFolder(f.Path) {
		return &machine.ExitError{Command: "install " + f.Path, Code: 1, Stderr: "mktemp: failed to create file in " + path.Dir(f.Path) + ": No such file or directory"}
	}
	h.state.Put(f.Path, f.Content, f.Mode)
	return nil
}

// Upload puts a file in its place, unless it is there already, and makes its
// folder.
func (h *Host) Upload(ctx context.Context, u machine.Upload) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := check(u.Path, u.Mode); err != nil {
		return fmt.Errorf("upload %q: %w", u.Path, err)
	}
	if err := h.reached(ctx); err != nil {
		return err
	}
	if there, ok := h.state.Files[u.Path]; ok && there.Mode == u.Mode && there.UID == 0 && sum(there.Content) == u.SHA256 {
		return nil
	}
	if err := h.change(ctx, "upload "+u.Path); err != nil {
		return err
	}
	content, err := read(u)
	if err != nil {
		return fmt.Errorf("upload %s: %w", u.Path, err)
	}
	h.state.Put(u.Path, content, u.Mode)
	return nil
}

func read(u machine.Upload) ([]byte, error) {
	r, err := u.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(content)) != u.Size || sum(content) != u.SHA256 {
		return nil, fmt.Errorf("%d bytes with sha256 %s, wanted %d with %s", len(content), sum(content), u.Size, u.SHA256)
	}
	if u.Progress != nil {
		u.Progress(u.Size)
	}
	return content, nil
}

// Dial opens a connection by OnDial.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	h.mu.Lock()
	err := h.reached(ctx)
	h.mu.Unlock()
	switch {
	case err != nil:
		return nil, err
	case h.OnDial == nil:
		return nil, &machine.DialError{Address: address, Reason: "Connection refused"}
	}
	return h.OnDial(ctx, address)
}

// change notes a change, unless Fault or the context stops it.
func (h *Host) change(ctx context.Context, what string) error {
	if err := h.reached(ctx); err != nil {
		return err
	}
	h.tried++
	if h.Fault != nil {
		if err := h.Fault(h.tried, what); err != nil {
			return err
		}
	}
	h.changes = append(h.changes, what)
	return nil
}

func (h *Host) reached(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return h.state.Down
}

func check(name string, mode fs.FileMode) error {
	if !path.IsAbs(name) || path.Clean(name) != name || name == "/" || bytes.IndexByte([]byte(name), 0) >= 0 {
		return fmt.Errorf("not a clean absolute path: %w", errRefused)
	}
	if mode.Perm() == 0 || mode&^fs.ModePerm != 0 {
		return fmt.Errorf("mode %o: %w", mode, errRefused)
	}
	return nil
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}
