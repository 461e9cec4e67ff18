// Package release brings the files of a release of K3s to the operator's
// machine: out of a cache, from K3s' own downloads, or from a folder that the
// user names. Every file is known by its checksum before anybody uses it.
//
// It imports inventory, provision/converge and provision/machine.
package release
