// Package fakepve is a stand-in for the API of one Proxmox VE host. It is not
// Proxmox VE: it speaks the part of /api2/json that k3sedge and its tests use,
// with the tasks, locks, permissions, storages, messages and error shapes that
// the sources of Proxmox VE 8 and 9 show, and it hands the machines themselves to
// whatever implements [Hypervisor] (real containers in the lab, [Memory] in
// unit tests).
//
// It refuses what the real thing refuses. What it was not taught it rejects
// loudly: 501 with the method and path, or the name of the parameter value.
// It never guesses.
//
// What differs from the real thing, on purpose:
//   - One node, no HA, no replication, no backup, no tickets: only API tokens.
//   - Roles are named lists of privileges in [Access]; there is no API to edit them.
//   - Space is counted as if every disk were fully allocated, so that a test can
//     fill a storage with a number in [Storage].
//   - A resize changes what is known of a volume, not the bytes of its file.
//   - /lab/... outside /api2 sets fault switches and reads the request log; it
//     exists only when [Options].LabToken is set and wants it in X-Lab-Token.
//
// Start is the constructor for unit tests; New and Serve are for the lab. The
// package may import testinfra/fault.
package fakepve
