// Package lab makes the LAN in which k3sedge is tested: real Debian machines
// that boot with systemd, cloud-init and sshd, a stand-in for Proxmox VE in
// front of them, a stand-in for Cloudflare, and a web server for their image.
//
// # What is real and what is not
//
// A machine is a systemd-nspawn container in a network namespace of its own.
// systemd, cloud-init, sshd, nftables and sudo are Debian's. It has no kernel
// of its own: kernel.* and vm.* belong to the machine the lab runs on and are
// read-only. Proxmox VE is the stand-in of package fakepve, Cloudflare that of
// package fakecloudflare; no question for a name and no request leaves the lab.
// One CA of the lab signs what its servers show; machines and the operator's
// commands trust it. The ACME server is the real Pebble. A "disk" is one
// squashfs in a file, with an overlay above it for what the machine writes.
// A machine is started from the seed ISO that is attached to it and from
// nothing else; its network namespace is new at each start, so that no
// firewall rule survives that the machine did not load itself.
//
// With machines "libvirt" they are whole ones: a disk with Debian's own kernel
// and GRUB, run by QEMU, with KVM where that runs a guest at all. What is
// attached as an ISO is a disc in their drive, commands go in by their guest
// agent, and what they write is a qcow2 over the imported disk. The lab writes
// nothing to that disk: resolver and authority come in by the agent as soon as
// it answers, and only then does it answer to others. libvirt's daemon is the
// lab's own, too: it runs in the LAN namespace, with folders of the lab in
// place of the machine's.
//
// # Where things are
//
// Everything that a lab makes carries its name: namespaces, machines and
// control groups begin with "k3lab.NAME.", files are in
// /var/lib/k3sedge-lab/NAME. Labs with different names do not touch one
// another, although they use the same addresses: 10.77.0.0/24 exists in each
// lab's own LAN namespace only, which has no way out.
//
//	10.77.0.1   gateway (forwards nothing)
//	10.77.0.2   the operator: where `exec` comes from
//	10.77.0.3   Proxmox VE, port 8006
//	10.77.0.4   web server with the machine image
//	10.77.0.5   Cloudflare: API and edge on 443, connectors on 7844, name server on 53
//	10.77.0.6   ACME server (Pebble), ports 14000 and 15000, if the bundle has it
//	10.77.0.50  a web server that no cluster knows of, port 3000
//	10.77.0.51  a second one
//	10.77.0.66  a stranger on the LAN, in a namespace of its own
//
// Because of the names `down` also finds what a killed run has left behind.
//
// It may import inventory, provision/machine, testinfra/ca, testinfra/fakepve,
// testinfra/fakecloudflare and what is below it.
package lab
