//go:build unix

package cli

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// terminalState is how a terminal behaves; it is an error where there is none.
func terminalState(fd int) (*unix.Termios, error) { return unix.IoctlGetTermios(fd, getTermios) }

func setTerminal(fd int, state *unix.Termios) error {
	return unix.IoctlSetTermios(fd, setTermios, state)
}

// terminalWidth is how many columns a terminal says that it has.
func terminalWidth(fd int) (int, error) {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return 0, err
	}
	return int(size.Col), nil
}

// askHidden reads a line from a terminal that does not show it meanwhile.
// Ctrl-C and the keys that edit the line go on working.
func askHidden(fd int) ([]byte, error) {
	before, err := terminalState(fd)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := setTerminal(fd, &hidden); err != nil {
		return nil, err
	}
	line, err := readLine(fd)
	return line, errors.Join(err, setTerminal(fd, before))
}

// readLine reads byte by byte: what comes after the line is somebody else's.
func readLine(fd int) ([]byte, error) {
	var line []byte
	for char := make([]byte, 1); ; {
		n, err := unix.Read(fd, char)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		case n == 0 && len(line) == 0:
			return nil, io.EOF
		case n == 0 || char[0] == '\n':
			return line, nil
		default:
			line = append(line, char[0])
		}
	}
}
