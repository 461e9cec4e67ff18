package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// ContainCommand is the hidden command by which the program starts itself
// anew to become a container.
const ContainCommand = "lab-contain"

// Contain becomes the container that a file describes. It returns only if it
// could not. The program that links this package calls it, before anything
// else, when its first argument is ContainCommand:
//
//	if len(args) > 1 && args[0] == node.ContainCommand {
//		return node.Contain(args[1])
//	}
//
// The process is the first of a new mount and PID namespace already, which
// its parent has asked for.
func Contain(file string) error {
	// Capabilities and no_new_privs belong to a thread, and exec keeps those of
	// the thread that calls it.
	runtime.LockOSThread()
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("contain: %w", err)
	}
	var s sandbox
	if err := json.Unmarshal(content, &s); err != nil {
		return fmt.Errorf("contain: parse %s: %w", file, err)
	}
	if err := s.enter(); err != nil {
		return fmt.Errorf("contain: %w", err)
	}
	unix.Umask(0o022)
	os.Clearenv()
	for _, e := range s.Env {
		key, value, _ := strings.Cut(e, "=")
		os.Setenv(key, value)
	}
	program, err := exec.LookPath(s.Args[0])
	if err != nil {
		return fmt.Errorf("contain: %w", err)
	}
	if err := s.restrict(); err != nil {
		return fmt.Errorf("contain: %w", err)
	}
	return fmt.Errorf("contain: exec %s: %w", program, unix.Exec(program, s.Args, s.Env))
}

// join enters the pod's network and takes its name.
func (s sandbox) join() error {
	if s.Hostname != "" {
		if err := unix.Sethostname([]byte(s.Hostname)); err != nil {
			return fmt.Errorf("set the host name: %w", err)
		}
	}
	if s.Network == "" {
		return nil
	}
	f, err := os.Open(s.Network)
	if err != nil {
		return fmt.Errorf("open the pod's network: %w", err)
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the pod's network: %w", err)
	}
	return nil
}

// enter makes the container's root and moves into it.
func (s sandbox) enter() error {
	if err := s.join(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	// The container's layer is in memory: it need not outlive the process, and
	// the node's root may itself be an overlay, which cannot bear another.
	if err := unix.Mount("tmpfs", s.Scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("make the container's layer: %w", err)
	}
	root := filepath.Join(s.Scratch, "root")
	for _, d := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(s.Scratch, d), 0o755); err != nil {
			return err
		}
	}
	options := "lowerdir=" + s.Root + ",upperdir=" + s.Scratch + "/upper,workdir=" + s.Scratch + "/work"
	if err := unix.Mount("overlay", root, "overlay", 0, options); err != nil {
		return fmt.Errorf("lay the container's layer over the image: %w", err)
	}
	if err := s.furnish(root); err != nil {
		return err
	}
	return s.pivot(root)
}

// pivot moves into the finished root and forgets the node's.
func (s sandbox) pivot(root string) error {
	if s.ReadOnly {
		if err := unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("make the root read-only: %w", err)
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the node's root: %w", err)
	}
	dir := s.Dir
	if dir == "" {
		dir = "/"
	}
	return os.Chdir(dir)
}

// furnish mounts what a process expects, and the volumes.
func (s sandbox) furnish(root string) error {
	for _, d := range []string{"proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", safe, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(root, "dev"), "tmpfs", unix.MS_NOSUID, "mode=0755,size=64k"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	mounts := []bind{{"/sys", "/sys", true}}
	for _, d := range []string{"null", "zero", "full", "random", "urandom"} {
		mounts = append(mounts, bind{"/dev/" + d, "/dev/" + d, false})
	}
	for _, m := range append(mounts, s.Mounts...) {
		if err := m.mount(root); err != nil {
			return fmt.Errorf("mount %s: %w", m.Target, err)
		}
	}
	return nil
}

func (m bind) mount(root string) error {
	info, err := os.Stat(m.Source)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(m.Source, "/etc/") {
			return nil // a node need not have each of its own files
		}
		return err
	}
	target := filepath.Join(root, m.Target)
	if err := place(root, strings.TrimPrefix(filepath.Clean(m.Target), "/"), info.IsDir()); err != nil {
		return err
	}
	if err := unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if !m.ReadOnly {
		return nil
	}
	return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}

// place makes something to mount on, inside root whatever its links say.
func place(root, name string, dir bool) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	if dir {
		return r.MkdirAll(name, 0o755)
	}
	if err := r.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := r.OpenFile(name, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// restrict gives up what the container may not have, last of all.
func (s sandbox) restrict() error {
	keep := map[int]bool{}
	for _, name := range s.Bounding {
		number, ok := capabilities()[name]
		if !ok {
			return fmt.Errorf("unknown capability %s", name)
		}
		keep[number] = true
	}
	for number := 0; number <= unix.CAP_LAST_CAP; number++ {
		if keep[number] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(number), 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("drop capability %d: %w", number, err)
		}
	}
	if err := unix.Setgroups(s.Groups); err != nil {
		return fmt.Errorf("set the groups: %w", err)
	}
	if err := unix.Setresgid(s.GID, s.GID, s.GID); err != nil {
		return fmt.Errorf("set the group: %w", err)
	}
	if err := unix.Setresuid(s.UID, s.UID, s.UID); err != nil {
		return fmt.Errorf("set the user: %w", err)
	}
	if !s.NoNewPrivs {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}

func capabilities() map[string]int {
	return map[string]int{
		"AUDIT_CONTROL": unix.CAP_AUDIT_CONTROL, "AUDIT_READ": unix.CAP_AUDIT_READ, "AUDIT_WRITE": unix.CAP_AUDIT_WRITE,
		"BLOCK_SUSPEND": unix.CAP_BLOCK_SUSPEND, "BPF": unix.CAP_BPF, "CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
		"CHOWN": unix.CAP_CHOWN, "DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE, "DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH,
		"FOWNER": unix.CAP_FOWNER, "FSETID": unix.CAP_FSETID, "IPC_LOCK": unix.CAP_IPC_LOCK, "IPC_OWNER": unix.CAP_IPC_OWNER,
		"KILL": unix.CAP_KILL, "LEASE": unix.CAP_LEASE, "LINUX_IMMUTABLE": unix.CAP_LINUX_IMMUTABLE, "MKNOD": unix.CAP_MKNOD,
		"NET_ADMIN": unix.CAP_NET_ADMIN, "NET_BIND_SERVICE": unix.CAP_NET_BIND_SERVICE, "NET_BROADCAST": unix.CAP_NET_BROADCAST,
		"NET_RAW": unix.CAP_NET_RAW, "PERFMON": unix.CAP_PERFMON, "SETFCAP": unix.CAP_SETFCAP, "SETGID": unix.CAP_SETGID,
		"SETPCAP": unix.CAP_SETPCAP, "SETUID": unix.CAP_SETUID, "SYS_ADMIN": unix.CAP_SYS_ADMIN, "SYS_BOOT": unix.CAP_SYS_BOOT,
		"SYS_CHROOT": unix.CAP_SYS_CHROOT, "SYS_MODULE": unix.CAP_SYS_MODULE, "SYS_NICE": unix.CAP_SYS_NICE,
		"SYS_PACCT": unix.CAP_SYS_PACCT, "SYS_PTRACE": unix.CAP_SYS_PTRACE, "SYS_RAWIO": unix.CAP_SYS_RAWIO,
		"SYS_RESOURCE": unix.CAP_SYS_RESOURCE, "SYS_TIME": unix.CAP_SYS_TIME, "SYS_TTY_CONFIG": unix.CAP_SYS_TTY_CONFIG,
		"SYSLOG": unix.CAP_SYSLOG, "WAKE_ALARM": unix.CAP_WAKE_ALARM,
	}
}
