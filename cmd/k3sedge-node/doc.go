// Command k3sedge-node is the node agent. k3sedge places it on a host and runs
// it there as root; nobody needs to call it by hand, except to take a change
// back on the host's own console: `k3sedge-node rollback --boot`.
//
// It imports hardening/node and provision/machine/look.
package main
