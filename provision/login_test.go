package provision

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// login is SSH to a machine of the lan: every call is a connection that goes
// by the pins of the moment.
type login struct {
	lan  *lan
	node inventory.Node
}

var _ GuestHost = (*login)(nil)

func (l *login) connect() (*guest, error) {
	g, err := l.lan.boot(l.node.Name)
	if err != nil {
		return nil, err
	}
	keys, err := l.lan.world.pins.Pinned(l.node.Name)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, &machine.UnreachableError{Address: l.node.Name, State: machine.HostKeyUnknown}
	case !slices.Contains(keys, g.shown):
		return nil, &machine.UnreachableError{Address: l.node.Name, State: machine.HostKeyDiffers}
	}
	return g, nil
}

// WaitReady tries once; machines of the lan boot at once.
func (l *login) WaitReady(context.Context) error {
	_, err := l.connect()
	return err
}

// Query looks.
func (l *login) Query(context.Context, machine.Query) (machine.Output, error) {
	_, err := l.connect()
	return machine.Output{}, err
}

// Redial proves the pins.
func (l *login) Redial(context.Context) (machine.Session, error) {
	if _, err := l.connect(); err != nil {
		return nil, err
	}
	return session{l}, nil
}

type session struct{ *login }

// Close ends the session.
func (session) Close() error { return nil }

// WriteFile writes into the machine.
func (l *login) WriteFile(_ context.Context, f machine.File) error {
	g, err := l.connect()
	if err == nil {
		g.files[f.Path] = f.Content
	}
	return err
}

// Run knows the commands of the rotation and no other.
func (l *login) Run(_ context.Context, c machine.Command) (machine.Output, error) {
	g, err := l.connect()
	if err != nil {
		return machine.Output{}, err
	}
	if !c.Root {
		return machine.Output{}, errors.New("not root")
	}
	if g.crash != nil {
		if err := g.crash(c.Argv); err != nil {
			return machine.Output{}, err
		}
	}
	switch text := strings.Join(c.Argv, " "); text {
	case "rm -f " + newKeyPath + " " + newKeyPath + ".pub":
		g.next = ""
	case "ssh-keygen -q -t ed25519 -N  -C  -f " + newKeyPath:
		pair, err := newHostKey()
		if err != nil || g.next != "" {
			return machine.Output{}, errors.Join(err, errors.New("file exists"))
		}
		g.next = pair.Public
	case "cat " + newKeyPath + ".pub":
		return machine.Output{Stdout: []byte(g.next + " root@edge\n")}, nil
	case "mv -f " + newKeyPath + ".pub " + hostKeyPath + ".pub":
	case "mv -f " + newKeyPath + " " + hostKeyPath:
		g.file = g.next
	case "systemctl restart ssh.service":
		g.shown = g.file
	default:
		return machine.Output{}, &machine.ExitError{Command: text, Code: 127, Stderr: "not taught"}
	}
	return machine.Output{}, nil
}

// crashing is an API whose process is killed at some point: before a request
// leaves, or before its answer is read.
type crashing struct {
	API
	before func(verb string) error
}

func (c *crashing) around(verb string, ask func() (UPID, error)) (UPID, error) {
	if err := c.before("before " + verb); err != nil {
		return "", err
	}
	id, err := ask()
	if err == nil {
		err = c.before("after " + verb)
	}
	if err != nil {
		return "", err
	}
	return id, nil
}

// CreateVM may not come back.
func (c *crashing) CreateVM(ctx context.Context, vmid int, o Options) (UPID, error) {
	return c.around(verbCreate, func() (UPID, error) { return c.API.CreateVM(ctx, vmid, o) })
}

// Configure may not come back.
func (c *crashing) Configure(ctx context.Context, vmid int, o Options) (UPID, error) {
	return c.around(verbConfigure, func() (UPID, error) { return c.API.Configure(ctx, vmid, o) })
}

// Resize may not come back.
func (c *crashing) Resize(ctx context.Context, vmid int, disk, size string) (UPID, error) {
	return c.around(verbResize, func() (UPID, error) { return c.API.Resize(ctx, vmid, disk, size) })
}

// Start may not come back.
func (c *crashing) Start(ctx context.Context, vmid int) (UPID, error) {
	return c.around(verbStart, func() (UPID, error) { return c.API.Start(ctx, vmid) })
}

// Download may not come back.
func (c *crashing) Download(ctx context.Context, storage string, d Download) (UPID, error) {
	return c.around(verbDownload, func() (UPID, error) { return c.API.Download(ctx, storage, d) })
}

// Upload may not come back.
func (c *crashing) Upload(ctx context.Context, storage, file string, content []byte) (UPID, error) {
	return c.around(verbUpload, func() (UPID, error) { return c.API.Upload(ctx, storage, file, content) })
}

// Task is the wait after an answer was read and journaled.
func (c *crashing) Task(ctx context.Context, id UPID) (TaskStatus, error) {
	name, err := parseUPID(id)
	if err == nil {
		err = c.before("wait " + name.Kind)
	}
	if err != nil {
		return TaskStatus{}, err
	}
	return c.API.Task(ctx, id)
}
