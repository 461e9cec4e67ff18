//go:build linux

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Of a whole machine's disk. The sizes are those of its file, which takes on
// the real disk only what is written; cloud-init grows the file system to the
// disk that the machine is given.
const (
	sector     = 512
	diskSize   = 2560 << 20
	diskLabel  = "k3sedge-root"
	partition  = 1 << 20  // where it begins; GRUB lies before it
	bootCode   = 440      // bytes of the first sector that are a program
	tableEntry = 446      // of the first partition
	kernelName = "kernel" // beside the image, to try KVM with
)

// initramfs has the first file system hold the drivers that a machine of
// libvirt or Proxmox needs, and no others: under emulation each one takes
// time. Those of the CD-ROM are there because cloud-init looks for its seed
// before udev has loaded any driver.
const initramfs = `mkdir -p "$1"/etc/initramfs-tools/conf.d "$1"/usr/share/initramfs-tools/modules.d &&
echo MODULES=list >"$1"/etc/initramfs-tools/conf.d/k3sedge-lab &&
printf '%s\n' virtio_pci virtio_blk virtio_scsi sd_mod sr_mod ata_piix isofs ext4 >"$1"/usr/share/initramfs-tools/modules.d/k3sedge-lab`

// grubMenu boots the one kernel there is. Its last two words have a serial
// console, and names of interfaces as the lab's other machines have them.
const grubMenu = `set timeout=0
search --no-floppy --label --set=root ` + diskLabel + `
menuentry "Debian" {
  linux /vmlinuz root=LABEL=` + diskLabel + ` ro console=tty0 console=ttyS0 net.ifnames=0
  initrd /initrd.img
}
`

// makeDisk makes a bootable disk of a tree: a partition table, GRUB in front
// of the one partition, and the tree in it.
func makeDisk(ctx context.Context, root, path string) error {
	for name, text := range map[string]string{"boot/grub/grub.cfg": grubMenu, "etc/fstab": "LABEL=" + diskLabel + " / ext4 errors=remount-ro 0 1\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("make disk: %w", err)
		}
	}
	if err := copyFile(filepath.Join(root, "vmlinuz"), filepath.Join(filepath.Dir(path), kernelName)); err != nil {
		return fmt.Errorf("keep the kernel: %w", err)
	}
	loader, err := bootLoader(ctx, root)
	if err != nil {
		return err
	}
	disk, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	defer disk.Close()
	if err := disk.Truncate(diskSize); err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	kilobytes := strconv.Itoa((diskSize - partition) >> 10)
	if _, err := runBound(ctx, "mke2fs", "-q", "-t", "ext4", "-L", diskLabel, "-d", root, "-E", "offset="+strconv.Itoa(partition), path, kilobytes+"k"); err != nil {
		return err
	}
	if _, err := disk.WriteAt(loader, 0); err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	return nil
}

// bootLoader is what lies before the partition: GRUB's first sector with the
// partition table, and GRUB itself from the second one on, where the first
// looks for it unless told otherwise.
func bootLoader(ctx context.Context, root string) ([]byte, error) {
	const core = "/tmp/core.img"
	_, err := run(ctx, "chroot", root, "grub-mkimage", "-O", "i386-pc", "-o", core, "-p", "(hd0,msdos1)/boot/grub",
		"biosdisk", "part_msdos", "ext2", "search", "search_label", "normal", "linux")
	if err != nil {
		return nil, err
	}
	image, errCore := os.ReadFile(filepath.Join(root, core))
	first, errFirst := os.ReadFile(filepath.Join(root, "usr/lib/grub/i386-pc/boot.img"))
	if err := errors.Join(errCore, errFirst, os.Remove(filepath.Join(root, core))); err != nil {
		return nil, fmt.Errorf("read GRUB: %w", err)
	}
	if len(first) < bootCode || sector+len(image) > partition {
		return nil, fmt.Errorf("GRUB does not fit before the partition: %d bytes", len(image))
	}
	out := make([]byte, sector, sector+len(image))
	copy(out, first[:bootCode])
	copy(out[tableEntry:], []byte{0x80, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff}) // bootable, Linux, no geometry
	binary.LittleEndian.PutUint32(out[tableEntry+8:], partition/sector)
	binary.LittleEndian.PutUint32(out[tableEntry+12:], (diskSize-partition)/sector)
	copy(out[sector-2:], []byte{0x55, 0xaa})
	return append(out, image...), nil
}

// copyFile copies what a path leads to.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
