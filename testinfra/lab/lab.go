//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// DefaultName is the name of a lab that was given none.
const DefaultName = "k3sedge"

// Where labs keep their files unless told otherwise.
const (
	DefaultState = "/var/lib/k3sedge-lab"
	DefaultCache = "/var/cache/k3sedge-lab"
)

// Lab is one LAN with its machines. Several processes may use the same lab.
type Lab struct {
	plan    plan
	base    string // of all labs' states
	state   string // of this one
	cache   string
	program string
	bundle  string // of K3s; "" for projects of machines only
	cloud   bool   // projects use the lab's Cloudflare
	whole   bool   // machines are whole ones, run by libvirt
	suite   string // of whole machines

	out   io.Writer
	outMu *sync.Mutex
}

// Option changes a Lab that Open makes.
type Option func(*Lab)

// WithState keeps labs below another folder than DefaultState.
func WithState(dir string) Option { return func(l *Lab) { l.base = dir } }

// WithCache keeps images in another folder than DefaultCache.
func WithCache(dir string) Option { return func(l *Lab) { l.cache = dir } }

// WithProgress writes a line for each thing that takes a while.
func WithProgress(w io.Writer) Option { return func(l *Lab) { l.out = w } }

// WithProgram names the k3sedge-lab binary that becomes the daemon, for a
// caller that is another program, such as a test.
func WithProgram(path string) Option { return func(l *Lab) { l.program = path } }

// WithCloudflare makes projects that keep names and a tunnel at the lab's
// Cloudflare and have certificates from its ACME server.
func WithCloudflare() Option { return func(l *Lab) { l.cloud = true } }

// WithBundle makes projects that install K3s from a folder. A lab that is made
// with one has the ACME server that is in it.
func WithBundle(dir string) Option { return func(l *Lab) { l.bundle = dir } }

// WithMachines says what runs the lab's machines, MachinesNspawn or
// MachinesLibvirt, and the Debian suite of those of libvirt.
func WithMachines(kind, suite string) Option {
	return func(l *Lab) { l.whole, l.suite = kind == MachinesLibvirt, suite }
}

// Open names a lab. It changes nothing and needs no right.
func Open(name string, options ...Option) (*Lab, error) {
	p, err := newPlan(name)
	if err != nil {
		return nil, err
	}
	l := &Lab{plan: p, base: DefaultState, cache: DefaultCache, out: io.Discard, outMu: &sync.Mutex{}}
	for _, o := range options {
		o(l)
	}
	l.state = filepath.Join(l.base, name)
	if len(l.socket()) > 100 {
		return nil, fmt.Errorf("folder %s: its name is too long for a socket in it", l.state)
	}
	return l, nil
}

// Name is the lab's name.
func (l *Lab) Name() string { return l.plan.name }

// Dir is a folder of the caller's own, which goes with the lab.
func (l *Lab) Dir(name string) string { return filepath.Join(l.state, name) }

// socket is where the daemon is talked to.
func (l *Lab) socket() string { return filepath.Join(l.state, "control.sock") }

// folder is where a machine is kept.
func (l *Lab) folder(id string) folder { return folder(filepath.Join(l.state, "machines", id)) }

// say writes a line of progress.
func (l *Lab) say(format string, args ...any) {
	l.outMu.Lock()
	defer l.outMu.Unlock()
	fmt.Fprintf(l.out, format+"\n", args...)
}

// exclusive keeps other commands from changing this lab meanwhile.
func (l *Lab) exclusive(ctx context.Context) (release func(), err error) {
	return lock(ctx, filepath.Join(l.base, l.plan.name+".lock"), func() { l.say("lab %s: another command is at work, waiting", l.plan.name) })
}

// Up makes the lab: image, LAN, daemon. What is there already is left alone.
func (l *Lab) Up(ctx context.Context) (Status, error) {
	if err := errors.Join(Able(), l.ableVirt()); err != nil {
		return Status{}, err
	}
	release, err := l.exclusive(ctx)
	if err != nil {
		return Status{}, err
	}
	defer release()
	if s, err := l.Status(ctx); err == nil && s.Up {
		return s, nil
	}
	img, err := l.Image(ctx)
	if err != nil {
		return Status{}, err
	}
	if err := l.makeState(); err != nil {
		return Status{}, err
	}
	if !namespaceExists(l.plan.lan()) { // machines without their LAN are of no use
		if err := errors.Join(l.virt().stop(ctx), l.clearLeftovers(ctx)); err != nil {
			return Status{}, err
		}
	}
	if err := l.networkUp(ctx); err != nil {
		return Status{}, err
	}
	if err := l.startVirt(ctx); err != nil {
		return Status{}, err
	}
	if err := l.startDaemon(ctx, img); err != nil {
		return Status{}, err
	}
	return l.Status(ctx)
}

// makeState makes the lab's folder. It is a mount of its own and shared, so
// that an unmount in it is one in every namespace that has a copy.
func (l *Lab) makeState() error {
	if err := os.MkdirAll(filepath.Join(l.state, "machines"), 0o700); err != nil {
		return fmt.Errorf("make state folder: %w", err)
	}
	mounts, err := mountsUnder(l.state)
	if err != nil {
		return err
	}
	if len(mounts) > 0 && mounts[0] == l.state {
		return nil
	}
	if err := unix.Mount(l.state, l.state, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount state folder: %w", err)
	}
	if err := unix.Mount("", l.state, "", unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share state folder: %w", err)
	}
	return nil
}

// Down removes the lab and whatever a killed run of it left behind, and
// nothing else. It may be called at any time.
func (l *Lab) Down(ctx context.Context) error {
	if err := Able(); err != nil {
		return err
	}
	release, err := l.exclusive(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := l.stopDaemon(ctx); err != nil {
		return err
	}
	if err := errors.Join(l.virt().stop(ctx), l.clearLeftovers(ctx)); err != nil {
		return err
	}
	l.reportUsers(ctx)
	err = errors.Join(l.networkDown(ctx), removeTree(l.state), detachLoops(l.state))
	if err != nil {
		return fmt.Errorf("remove lab %s: %w", l.plan.name, err)
	}
	return nil
}

// Command prepares a command that runs in the LAN with the operator's address.
func (l *Lab) Command(ctx context.Context, argv ...string) (*exec.Cmd, error) {
	return l.commandIn(ctx, l.plan.lan(), argv)
}

// StrangerCommand prepares one that runs with the stranger's address.
func (l *Lab) StrangerCommand(ctx context.Context, argv ...string) (*exec.Cmd, error) {
	return l.commandIn(ctx, l.plan.stranger(), argv)
}

func (l *Lab) commandIn(ctx context.Context, namespace string, argv []string) (*exec.Cmd, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command to run in the lab")
	}
	if !namespaceExists(namespace) {
		err := fmt.Errorf("lab %s is not up", l.plan.name)
		return nil, machine.WithHint(err, "k3sedge-lab --name %s up", l.plan.name)
	}
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", namespace}, argv...)...)
	cmd.Env = append(cmd.Environ(), l.environment()...)
	cmd.WaitDelay = 2 * time.Second
	return cmd, nil
}

// Exec runs a command in the LAN as the operator and gives what it printed.
func (l *Lab) Exec(ctx context.Context, argv ...string) ([]byte, error) {
	cmd, err := l.Command(ctx, argv...)
	if err != nil {
		return nil, err
	}
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s in lab %s: %w", argv[0], l.plan.name, err)
	}
	return out, nil
}

// environment is what a command in the lab may want to know of it.
func (l *Lab) environment() []string {
	p := proxmox()
	return []string{
		"K3SEDGE_LAB=" + l.plan.name, "K3SEDGE_LAB_PROXMOX=" + p.Endpoint, "K3SEDGE_LAB_TOKEN_ID=" + p.Token.ID,
		"K3SEDGE_LAB_TOKEN_FILE=" + filepath.Join(l.state, "token"),
		// The first is Go's and curl's; curl prefers the second, which the user may have set.
		"SSL_CERT_FILE=" + l.CAFile(), "CURL_CA_BUNDLE=" + l.CAFile(),
	}
}
