// Command k3sedge-lab makes the LAN in which k3sedge is tested on one Linux
// machine: real Debian machines behind a stand-in for Proxmox VE. See package
// testinfra/lab for what is real.
//
// It may import testinfra and inventory.
package main
