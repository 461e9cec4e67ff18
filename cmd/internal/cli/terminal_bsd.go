//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package cli

import "golang.org/x/sys/unix"

// How a terminal's state is asked for and set is each system's own number.
const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)
