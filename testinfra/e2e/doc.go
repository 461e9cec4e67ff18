// Package e2e drives the built k3sedge against the lab's real machines: what
// it promises, what it does in trouble, and how fast it is.
//
// It has tests only. They need root on Linux and the binaries in bin/ (make
// build), and say so in one sentence where they cannot run. TestWholeMachine
// takes some ten minutes under emulation, and is there with -tags vagrant only.
package e2e
