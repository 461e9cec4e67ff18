//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// overlayFile is what a whole machine wrote, over the disk that it is made of.
const overlayFile = "upper/disk.qcow2"

// seedDisc is the disc of a machine that was made without Proxmox.
const seedDisc = "seed.iso"

// overlay makes a whole machine's disk, or puts it on the image that is named
// now: the file moves when a machine becomes a template. It only ever grows.
func (f folder) overlay(ctx context.Context, disk string, size int64) error {
	format, err := diskFormat(disk)
	if err != nil {
		return fmt.Errorf("boot from %s: %w", filepath.Base(disk), err)
	}
	path := f.path(overlayFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	over := []string{"qemu-img", "create", "-q", "-f", "qcow2", "-F", format, "-b", disk, path}
	if _, err := os.Stat(path); err == nil {
		over = []string{"qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-F", format, "-b", disk, path}
	}
	commands := [][]string{over}
	if size > 0 {
		commands = append(commands, []string{"qemu-img", "resize", "-q", "-f", "qcow2", path, strconv.FormatInt(size, 10)})
	}
	if err := runAll(ctx, commands); err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	return nil
}

// diskFormat looks into a disk file: its name does not say what it is.
func diskFormat(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head := make([]byte, 4)
	switch _, err := io.ReadFull(f, head); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "", errors.New("the disk is empty")
	case err != nil:
		return "", err
	}
	if bytes.Equal(head, []byte("QFI\xfb")) {
		return "qcow2", nil
	}
	if bytes.Equal(head, []byte("hsqs")) {
		return "", errors.New("that is the image of a container, which has no kernel")
	}
	return "raw", nil
}

// disc makes the disc that cloud-init reads, of a machine that has none from
// Proxmox.
func (s seed) disc(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".seed-")
	if err != nil {
		return fmt.Errorf("make seed disc: %w", err)
	}
	defer os.RemoveAll(dir)
	for name, content := range s {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("make seed disc: %w", err)
		}
	}
	if err := os.RemoveAll(path); err != nil { // xorriso would add to it
		return fmt.Errorf("make seed disc: %w", err)
	}
	if _, err := run(ctx, "xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "cidata", "-o", path, dir); err != nil {
		return fmt.Errorf("make seed disc: %w", err)
	}
	return nil
}
