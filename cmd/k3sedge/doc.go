// Command k3sedge puts a hardened K3s edge in front of the services of a LAN:
// it makes the machines on Proxmox, installs K3s and Traefik on them, brings
// the services behind them, and proves that all of it stays so.
//
// It only starts cmd/internal/cli.
package main
