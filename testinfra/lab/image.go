//go:build linux

package lab

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// imageName is the file the machines boot from. Proxmox takes no other ending
// than .raw, .qcow2 and .vmdk for content import.
const imageName = "k3sedge-lab-debian.raw"

// Image is the disk image the lab's machines are made of.
type Image struct {
	Path   string `json:"path"`
	SHA512 string `json:"sha512"`
	Size   int64  `json:"size"`
}

// Image finds the image in the cache or builds it. Two that want it at the
// same time build it once; one that is killed leaves nothing that would be
// taken for an image.
func (l *Lab) Image(ctx context.Context) (Image, error) {
	r := debian12(runtime.GOARCH)
	if l.whole {
		r = wholeDebian(runtime.GOARCH, l.suite)
	}
	final := filepath.Join(l.cache, r.hash())
	if img, err := loadImage(final); err == nil {
		return img, nil
	}
	if err := need(buildTools()); err != nil {
		return Image{}, err
	}
	release, err := lock(ctx, filepath.Join(l.cache, "lock"), func() { l.say("image: somebody else builds it, waiting") })
	if err != nil {
		return Image{}, err
	}
	defer release()
	if img, err := loadImage(final); err == nil {
		return img, nil
	}
	if err := l.buildImage(ctx, r, final); err != nil {
		return Image{}, fmt.Errorf("build the machine image: %w", err)
	}
	return loadImage(final)
}

// loadImage reads a finished image from its folder.
func loadImage(dir string) (Image, error) {
	path := filepath.Join(dir, imageName)
	info, err := os.Stat(path)
	if err != nil {
		return Image{}, fmt.Errorf("find image: %w", err)
	}
	line, err := os.ReadFile(path + ".sha512")
	if err != nil {
		return Image{}, fmt.Errorf("find image's sum: %w", err)
	}
	sum, _, _ := strings.Cut(string(line), " ")
	if len(sum) != 2*sha512.Size || info.Size() == 0 {
		return Image{}, fmt.Errorf("find image: %s is not complete", dir)
	}
	return Image{Path: path, SHA512: sum, Size: info.Size()}, nil
}

// buildImage makes the image in a folder beside and renames it when it is
// complete and on the disk.
func (l *Lab) buildImage(ctx context.Context, r recipe, final string) error {
	if err := l.removeUnfinished(); err != nil {
		return err
	}
	work, err := os.MkdirTemp(l.cache, "unfinished-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	begin := time.Now()
	path := filepath.Join(work, imageName)
	err = l.buildTree(ctx, r, filepath.Join(work, "root"))
	if err == nil {
		err = l.pack(ctx, r, filepath.Join(work, "root"), path)
	}
	if err == nil {
		err = writeSum(path)
	}
	if err == nil {
		err = removeTree(final) // what is there is not complete
	}
	if err == nil {
		err = os.Rename(work, final)
	}
	if err != nil {
		return errors.Join(err, removeTree(work))
	}
	l.say("image: ready after %.0f s: %s", time.Since(begin).Seconds(), filepath.Join(final, imageName))
	return nil
}

// removeUnfinished clears away what killed builds left. The lock is held, so
// that none of it is in use.
func (l *Lab) removeUnfinished() error {
	left, err := filepath.Glob(filepath.Join(l.cache, "unfinished-*"))
	for _, dir := range left {
		err = errors.Join(err, removeTree(dir))
	}
	return err
}

// buildTree fills root with Debian. It runs in namespaces of its own, so that a
// killed build leaves neither a mount nor a process behind.
func (l *Lab) buildTree(ctx context.Context, r recipe, root string) error {
	indexes, err := run(ctx, "apt-get", "indextargets", "--format", indexFormat)
	if err != nil {
		return err
	}
	own, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return fmt.Errorf("find this machine's suite: %w", err)
	}
	lines, err := sources(otherSuite(parseIndexes(string(indexes)), codename(own), r.Suite), r.Suite)
	if err != nil {
		return err
	}
	dump, err := run(ctx, "apt-config", "dump")
	if err != nil {
		return err
	}
	argv := []string{"mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
		"--architectures=" + r.Arch, "--include=" + strings.Join(r.Packages, ",")}
	for _, option := range transport(string(dump)) {
		argv = append(argv, "--aptopt="+option)
	}
	if r.Whole {
		argv = append(argv, "--essential-hook="+initramfs)
	}
	for _, hook := range finish() {
		argv = append(argv, "--customize-hook="+hook)
	}
	l.say("image: installing Debian %s with %d packages and what they need (about a minute)", r.Suite, len(r.Packages))
	_, err = runBound(ctx, append(append(argv, r.Suite, root), lines...)...)
	return err
}

// finish are the last steps, in mmdebstrap's hook language. A machine-id or a
// host key in an image would be the same on every machine.
func finish() []string {
	return []string{
		`chroot "$1" systemctl enable systemd-networkd`,
		`rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/resolv.conf`,
		`: > "$1"/etc/machine-id; chmod 444 "$1"/etc/machine-id; rm -f "$1"/var/lib/dbus/machine-id`,
	}
}

// pack puts the tree into one file. LZ4 unpacks fastest, and all machines
// boot through one decompressor.
func (l *Lab) pack(ctx context.Context, r recipe, root, path string) error {
	l.say("image: packing")
	if r.Whole {
		return errors.Join(makeDisk(ctx, root, path), removeTree(root))
	}
	_, err := runBound(ctx, "mksquashfs", root, path, "-comp", "lz4", "-noappend", "-no-progress", "-quiet")
	if err != nil {
		return err
	}
	return removeTree(root)
}

// writeSum writes the SHA-512 of a file beside it, as sha512sum would, after
// the file itself is on the disk.
func writeSum(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sum image: %w", err)
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("sum image: %w", err)
	}
	if err := unix.Fsync(int(f.Fd())); err != nil {
		return fmt.Errorf("sync image: %w", err)
	}
	line := fmt.Sprintf("%s  %s\n", hex.EncodeToString(h.Sum(nil)), filepath.Base(path))
	return writeFile(path+".sha512", []byte(line), 0o644)
}
