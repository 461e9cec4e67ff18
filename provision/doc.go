// Package provision makes the machines: VMs on Proxmox VE through its API, or
// machines that already exist and only have to answer.
//
// It is the only package that talks to go-proxmox. The library is used with a
// transport of our own, because it loses what a user needs: the message of a
// refused request, the log of a failed task, the difference between a warning
// and a failure. Everything is a converge.Step over two views: what may be
// looked at (Reader) and what may be changed (API).
//
// The state of a VM's first boot stands in the VM's own description, beside
// the mark that says whose it is. The journal and the pins of host keys make a
// run resumable; losing them loses no machine.
//
// It imports inventory, provision/machine and provision/converge.
package provision
