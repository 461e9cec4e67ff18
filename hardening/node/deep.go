package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	// deepLimit is the number of paths at which a walk ends, deepFindings how
	// many of a kind are told, deepWalkers how many folders are read at once.
	deepLimit    = 5_000_000
	deepFindings = 500
	deepWalkers  = 4
)

// localDisks are the file systems that belong to the machine itself.
func localDisks() []string {
	return []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "overlay"}
}

// notWalked are the folders of containers: what they hold is their images'
// matter, and is not run on the host.
func notWalked() []string {
	return []string{"/var/lib/rancher/k3s/agent/containerd", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker", "/var/lib/rancher/k3s/storage", "/run", "/proc", "/sys", "/dev", StateDir}
}

// deepWalk looks at every path of the machine's own disks.
type deepWalk struct {
	host  Host
	ctx   context.Context
	users map[int]bool
	group map[int]bool

	mu    sync.Mutex
	wait  sync.WaitGroup
	slots chan struct{}
	found facts.Deep
	err   error
}

// deep walks the disks that are mounted.
func (h Host) deep(ctx context.Context) (*facts.Deep, error) {
	accounts, err := h.accountFacts()
	if err != nil {
		return nil, err
	}
	mounts, err := h.mounts()
	if err != nil {
		return nil, err
	}
	w := deepWalk{host: h, ctx: ctx, users: map[int]bool{}, group: map[int]bool{}, slots: make(chan struct{}, deepWalkers)}
	for _, u := range accounts.Users {
		w.users[u.UID] = true
	}
	for _, g := range accounts.Groups {
		w.group[g.GID] = true
	}
	for _, point := range walkedMounts(mounts) {
		info, err := os.Lstat(h.path(point))
		if err != nil {
			return nil, err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			w.folder(point, uint64(stat.Dev))
		}
	}
	w.wait.Wait()
	if err := errors.Join(w.err, ctx.Err()); err != nil {
		return nil, err
	}
	w.found.At = h.Now().Unix()
	for _, list := range []*[]facts.DeepFile{&w.found.Special, &w.found.Open, &w.found.Unowned} {
		slices.SortFunc(*list, func(a, b facts.DeepFile) int { return strings.Compare(a.Path, b.Path) })
	}
	return &w.found, h.ownSpecial(w.found.Special)
}

// walkedMounts are the points at which a disk of the machine begins.
func walkedMounts(mounts []facts.Mount) []string {
	var out []string
	for _, m := range mounts {
		walked := slices.Contains(localDisks(), m.Type) && (m.Type != "overlay" || m.Point == "/")
		if walked && !isNotWalked(m.Point) && !slices.Contains(out, m.Point) {
			out = append(out, m.Point)
		}
	}
	return out
}

func isNotWalked(p string) bool {
	return slices.ContainsFunc(notWalked(), func(dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") })
}

// folder reads one folder and those below it on the same disk, some of them beside it.
func (w *deepWalk) folder(dir string, dev uint64) {
	if w.full() || isNotWalked(dir) {
		return
	}
	entries, err := os.ReadDir(w.host.path(dir))
	if err != nil {
		w.fail(err)
		return
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil {
			w.fail(err)
			continue
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || uint64(stat.Dev) != dev {
			continue
		}
		w.path(p, info.Mode(), stat)
		if info.IsDir() {
			w.beside(p, dev)
		}
	}
}

func (w *deepWalk) beside(dir string, dev uint64) {
	select {
	case w.slots <- struct{}{}:
		w.wait.Go(func() {
			defer func() { <-w.slots }()
			w.folder(dir, dev)
		})
	default:
		w.folder(dir, dev)
	}
}

// fail notes what could not be read. What is gone by now is no failure.
func (w *deepWalk) fail(err error) {
	if isAbsent(err) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = errors.Join(w.err, err)
}

func (w *deepWalk) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found.Cut = w.found.Cut || w.found.Paths >= deepLimit
	return w.found.Cut || w.err != nil || w.ctx.Err() != nil
}

// path judges one path.
func (w *deepWalk) path(p string, mode fs.FileMode, stat *syscall.Stat_t) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found.Paths++
	file := facts.DeepFile{Path: p, Mode: stat.Mode & 0o7777, UID: int(stat.Uid), GID: int(stat.Gid)}
	if isSpecial(mode) {
		w.keep(&w.found.Special, file)
	}
	if isOpen(mode, file.Mode) {
		w.keep(&w.found.Open, file)
	}
	if !w.users[file.UID] && !isDynamic(file.UID) || !w.group[file.GID] && !isDynamic(file.GID) {
		w.keep(&w.found.Unowned, file)
	}
}

func (w *deepWalk) keep(list *[]facts.DeepFile, f facts.DeepFile) {
	if len(*list) < deepFindings {
		*list = append(*list, f)
		return
	}
	w.found.Cut = true
}

// isDynamic is a number that systemd gives to a service with DynamicUser. Such a
// service needs no account, and what it keeps is its own again when it starts.
func isDynamic(id int) bool { return id >= 61184 && id <= 65519 }

// isSpecial is a program that runs as its owner or its group.
func isSpecial(mode fs.FileMode) bool {
	return mode.IsRegular() && mode&(fs.ModeSetuid|fs.ModeSetgid) != 0
}

// isOpen is what everybody may write. In a folder with the sticky bit everybody
// owns what is his.
func isOpen(mode fs.FileMode, bits uint32) bool {
	return bits&0o002 != 0 && (mode.IsRegular() || mode.IsDir() && bits&0o1000 == 0)
}
