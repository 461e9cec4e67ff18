// Package iso reads the root folder of an ISO 9660 image with Rock Ridge
// names: what a machine finds on its seed disc. It shares nothing with the
// writer in provision, so that the one can prove the other.
//
// It imports nothing of ours.
package iso
