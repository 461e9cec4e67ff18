// Package verify is the verification of a cluster, readable as a
// specification: Promises is everything that k3sedge promises of one, and each
// is looked at from outside, with OpenSSH, with the k3sedge binary, and by
// knocking at the nodes' doors, never by asking the code that made it so.
//
// It runs against any project with machines that are there: the tests of full
// VMs (testinfra/vagrant), those of the lab's containers (testinfra/e2e), and
// whoever calls `k3sedge-lab verify --project DIR`.
//
// Breaking one promise by hand makes exactly its own test fail: what a control
// of the catalogue finds is counted once, at the promise that stands for it,
// and at all-controls-hold only where that one has not failed. The three
// ports-from promises are one promise asked from three places; a port that is
// opened to one of them fails there alone. What disturbs the machines is left
// out as long as anything that only looks has failed.
//
// Nothing passes on empty input, and what could not be looked at, or was left
// out, is never reported as kept.
//
// It imports inventory, hardening, provision/machine, provision/converge and
// testinfra/verify/probe.
package verify
