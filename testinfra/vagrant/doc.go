// Package vagrant proves k3sedge on whole machines: two of Debian's, with a
// kernel, a disk and a boot of their own, made by Vagrant and libvirt.
//
// # What is real and what is not
//
// Kernel, GRUB, systemd, cloud-init and QEMU's disks are real. The LAN with all
// that stands in it is the lab's (package lab), libvirt's daemon too: nothing
// is made on this machine outside of the lab's namespaces and its folder. The
// machines are made by Vagrant and not by Proxmox, so that k3sedge takes them
// as existing ones; their host keys are known from the disc they boot with.
// After the first start cloud-init runs on the second machine only.
// K3s is the lab's (package labk3s), or with K3S=real that of its release.
//
// Without KVM, or with one that cannot run a guest, QEMU emulates: everything
// takes ten to twenty times as long.
//
// It may import everything but commands, as all test infrastructure.
package vagrant
