//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// What may run the machines of a lab.
const (
	MachinesNspawn  = "nspawn"
	MachinesLibvirt = "libvirt"
)

// Suites are the Debian suites that a lab of whole machines can have.
func Suites() []string { return []string{"bookworm", "trixie"} }

// Kinds are what may run the machines of a lab.
func Kinds() []string { return []string{MachinesNspawn, MachinesLibvirt} }

// virtNetwork is what libvirt calls the LAN.
const virtNetwork = "lan"

// virtWait is how long libvirt's daemon may take until it answers.
const virtWait = 30 * time.Second

// machines is the kind of this lab's machines.
func (l *Lab) machines() string {
	if l.whole {
		return MachinesLibvirt
	}
	return MachinesNspawn
}

// virt is libvirt for one lab. Its daemon and all that it starts run in the
// LAN's namespace, and see folders of this lab where the machine's own libvirt
// has its files: neither knows of the other, and what is left of a killed run
// is found by what it sees.
type virt struct{ dir, lan string }

func (l *Lab) virt() virt {
	return virt{dir: filepath.Join(l.state, "libvirt"), lan: l.plan.lan()}
}

// virtFolders are the folders that stand for those of the machine.
func virtFolders() map[string]string {
	return map[string]string{
		"run": "/run/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt", "cache": "/var/cache/libvirt", "etc": "/etc/libvirt",
	}
}

// virtFiles are its settings. There is one user and no other machine beside
// it, so that it needs no guard between machines, and no cgroups.
func virtFiles() map[string]string {
	return map[string]string{
		"etc/libvirtd.conf": "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\nunix_sock_group = \"root\"\n",
		"etc/qemu.conf": "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nnamespaces = []\ncgroup_controllers = []\n" +
			"remember_owner = 0\nstdio_handler = \"file\"\n",
		"lan.xml": "<network><name>" + virtNetwork + "</name><forward mode='bridge'/><bridge name='" + bridge + "'/></network>\n",
	}
}

// housed enters folders in place of the machine's and becomes a program.
const housed = `while [ "$1" != -- ]; do mkdir -p "$2" && mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@"`

// ableVirt says whether this machine can run whole machines, if the lab's are.
func (l *Lab) ableVirt() error {
	if !l.whole {
		return nil
	}
	if runtime.GOARCH != "amd64" {
		return errors.New("whole machines are amd64 only: their boot loader is that of a PC")
	}
	if !slices.Contains(Suites(), l.suite) {
		return fmt.Errorf("no machines of Debian %q: there are %v", l.suite, Suites())
	}
	return need(virtTools())
}

// startVirt starts libvirt, if whole machines are wanted.
func (l *Lab) startVirt(ctx context.Context) error {
	v := l.virt()
	if !l.whole || v.answers(ctx) {
		return nil
	}
	if err := errors.Join(v.stop(ctx), v.furnish()); err != nil {
		return fmt.Errorf("start libvirt: %w", err)
	}
	if err := v.start(); err != nil {
		return fmt.Errorf("start libvirt: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, virtWait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !v.answers(ctx) {
		select {
		case <-ctx.Done():
			return machine.WithHint(fmt.Errorf("wait for libvirt: %w", ctx.Err()), "its log is %s", v.path("log/libvirtd.log"))
		case <-tick.C:
		}
	}
	_, err := v.virsh(ctx, "net-create", v.path("lan.xml"))
	if !l.Accelerated(ctx) {
		l.say("machines are emulated, and take minutes to boot: KVM runs no guest here (%s says so until a restart)", l.kvmRecord())
	}
	return err
}

func (v virt) path(name string) string { return filepath.Join(v.dir, name) }

// pidFile is where the daemon writes its number, and marks its process.
func (v virt) pidFile() string { return v.path("run/libvirtd.pid") }

// furnish makes the folders and settings.
func (v virt) furnish() error {
	for name := range virtFolders() {
		if err := os.MkdirAll(v.path(name), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(v.path("lib/images"), 0o755); err != nil {
		return err
	}
	for name, text := range virtFiles() {
		if err := writeFile(v.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// start starts the daemon, which outlives this process.
func (v virt) start() error {
	log, err := os.OpenFile(v.path("log/libvirtd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := []string{"--net=" + namespacePath(v.lan), "--", "unshare", "--mount", "--propagation", "slave", "--", "sh", "-c", housed, "housed"}
	for name, place := range virtFolders() {
		argv = append(argv, v.path(name), place)
	}
	cmd := exec.Command("nsenter", append(argv, "--", "libvirtd", "--pid-file="+v.pidFile())...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // who waits for its answer sees its end
	return nil
}

// daemon is the number of libvirt's daemon; false if it does not run.
func (v virt) daemon() (int, bool) {
	pids, err := v.residents()
	if err != nil {
		return 0, false
	}
	for _, pid := range pids {
		if hasArgument(pid, "--pid-file="+v.pidFile()) && arguments(pid)[0] == "libvirtd" {
			return pid, true
		}
	}
	return 0, false
}

// residents are the processes that see this libvirt's folders: its daemon, its
// machines, and what was started beside them.
func (v virt) residents() ([]int, error) {
	home, err := os.Stat(v.path("run"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for libvirt: %w", err)
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(pid int) bool {
		seen, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/root/run/libvirt")
		return err != nil || !os.SameFile(home, seen)
	}), nil
}

// command prepares a command beside the daemon: in the LAN, with its folders.
func (v virt) command(ctx context.Context, argv ...string) (*exec.Cmd, error) {
	pid, ok := v.daemon()
	if !ok {
		return nil, machine.WithHint(errors.New("the lab's libvirt does not run"), "k3sedge-lab up --machines %s", MachinesLibvirt)
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find folder: %w", err)
	}
	enter := []string{"-t", strconv.Itoa(pid), "--mount", "--net", "--", "env", "--chdir=" + here}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, argv...)...)
	cmd.WaitDelay = 2 * time.Second
	return cmd, nil
}

// virsh gives libvirt an order.
func (v virt) virsh(ctx context.Context, args ...string) ([]byte, error) {
	cmd, err := v.command(ctx, append([]string{"virsh", "--quiet", "--connect", "qemu:///system"}, args...)...)
	if err != nil {
		return nil, err
	}
	return capture(ctx, cmd)
}

func (v virt) answers(ctx context.Context) bool {
	_, err := v.virsh(ctx, "uri")
	return err == nil
}

// stop ends the daemon, its machines and all that was started beside them.
func (v virt) stop(ctx context.Context) error {
	if pid, ok := v.daemon(); ok { // first, or it would look after what ends
		if err := endResident(ctx, pid, unix.SIGTERM); err != nil {
			return fmt.Errorf("stop libvirt: %w", err)
		}
	}
	pids, err := v.residents()
	for _, pid := range pids {
		err = errors.Join(err, endResident(ctx, pid, unix.SIGKILL))
	}
	if err != nil {
		return fmt.Errorf("stop libvirt: %w", err)
	}
	return nil
}

func endResident(ctx context.Context, pid int, sig unix.Signal) error {
	argv := arguments(pid)
	if len(argv) == 0 {
		return nil // it has just ended
	}
	p, err := identify(pid, argv[0])
	if err != nil {
		return nil // likewise
	}
	return p.end(ctx, sig, 10*time.Second)
}

// Virsh gives the lab's libvirt an order.
func (l *Lab) Virsh(ctx context.Context, args ...string) error {
	_, err := l.virt().virsh(ctx, args...)
	return err
}

// DomainPrefix begins the names that libvirt's machines of this lab have.
func (l *Lab) DomainPrefix() string { return l.plan.machine("") }

// VirtCommand prepares a command that reaches the lab's libvirt as any user of
// this machine reaches its own: vagrant, virsh.
func (l *Lab) VirtCommand(ctx context.Context, argv ...string) (*exec.Cmd, error) {
	if len(argv) == 0 {
		return nil, errors.New("no command to run beside libvirt")
	}
	return l.virt().command(ctx, argv...)
}
