// Package goldenfile compares what tests make with the files of their testdata.
// Each package has its own flag -update, which `make golden` gives.
//
// It imports nothing of ours.
package goldenfile
