// Package sshtest is for testing what works over SSH: an SSH server inside
// the test process, and a suite that every machine.Host has to pass.
//
// The server is a stand-in for sshd. It speaks real SSH, runs real commands
// on this computer with /bin/sh in a directory of its own, serves real SFTP
// and forwards real TCP. Not real are sudo and cloud-init, which are scripts
// first in its PATH, and, when the tests do not run as root, the ownership of
// files. It has switches for what goes wrong on real machines.
//
// It imports provision/machine, and not provision/machine/ssh, whose own
// tests import it.
package sshtest
