package machine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// State names why a host cannot be worked with yet, or at all.
type State string

// The states of a host on the way to a login. Waiting goes on in NoRoute,
// Refused, Timeout, AuthRefused and CloudInit, because a machine that is
// starting passes through them; HostKeyDiffers and the others are final.
const (
	NoRoute        State = "no route"               // nothing answers at the address
	Refused        State = "connection refused"     // the machine is there, sshd is not
	Timeout        State = "no answer"              // packets vanish: booting, or a firewall
	HostKeyDiffers State = "host key differs"       // somebody else answers
	HostKeyUnknown State = "no host key pinned"     // we do not know whom to expect
	AuthRefused    State = "authentication refused" // sshd runs, our key is not accepted (yet)
	CloudInit      State = "cloud-init is running"  // logged in, first boot not finished
	SudoPassword   State = "sudo wants a password"  // logged in, cannot become root
	NoIdentity     State = "no usable key"          // agent and key files have nothing to offer
	Lost           State = "connection lost"        // was up and broke
)

// UnreachableError says that a host could not be looked at. It is never to
// be read as "absent" or "off".
type UnreachableError struct {
	Address string
	State   State
	Err     error // cause; may be nil
}

// Error gives the address, the state and the cause.
func (e *UnreachableError) Error() string {
	s := e.Address + ": " + string(e.State)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// StateOf returns the state of the UnreachableError in err's chain, or "".
func StateOf(err error) State {
	var u *UnreachableError
	if errors.As(err, &u) {
		return u.State
	}
	return ""
}

// ExitError is a remote command that ended with a non-zero exit code.
type ExitError struct {
	Command string // redacted
	Code    int
	Signal  string // such as "TERM" if a signal ended it; Code is then 128 and its number
	Stderr  string // complete, redacted
}

// Error gives the command, its code or signal and the last line it complained with;
// Stderr keeps all of them.
func (e *ExitError) Error() string {
	s := fmt.Sprintf("%s: exit %d", e.Command, e.Code)
	if e.Signal != "" {
		s = fmt.Sprintf("%s: ended by signal %s", e.Command, e.Signal)
	}
	if lines := strings.Split(strings.TrimSpace(e.Stderr), "\n"); lines[len(lines)-1] != "" {
		s += ": " + lines[len(lines)-1]
	}
	return s
}

// noRoomText is how the C library and Go name a full disk.
var noRoomText = regexp.MustCompile(`(?i)no space left on device|disk quota exceeded`)

// NoRoom reports that the command complained of a full disk.
func (e *ExitError) NoRoom() bool { return noRoomText.MatchString(e.Stderr) }

// DialError is a connection from a host to somewhere else that did not come about.
type DialError struct {
	Address string
	Reason  string // the host's own words, such as "Connection refused"
}

// Error gives the address and the reason.
func (e *DialError) Error() string {
	return fmt.Sprintf("connect to %s from the host: %s", e.Address, e.Reason)
}

// NoRoomError is a file that is too large for the room on the host.
type NoRoomError struct {
	Folder       string
	Needed, Free int64 // bytes
}

// Error gives the folder and both numbers.
func (e *NoRoomError) Error() string {
	return fmt.Sprintf("%s has %d bytes free, and %d are needed", e.Folder, e.Free, e.Needed)
}
