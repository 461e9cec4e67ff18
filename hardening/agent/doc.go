// Package agent carries the node agent's programs, one for each architecture.
//
// They are built by `make build` and embedded; a build without them refuses
// to touch a host and says so.
//
// It imports provision/machine.
package agent
