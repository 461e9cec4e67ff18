package machine

import (
	"fmt"
	"io"
)

// HostKey is a key pair for a host's sshd.
type HostKey struct {
	PrivatePEM string `json:"-"` // OpenSSH's own format; secret
	Public     string // "ssh-ed25519 AAAA…"
}

// Format prints the public half, whatever the verb: the private one must not
// get into a log by accident.
func (k HostKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Public) }
