// Command k3sedge makes hardened K3s edge machines on Proxmox and proves that
// they stay so.
//
// It only starts cmd/internal/cli.
package main
