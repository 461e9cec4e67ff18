package ssh

import (
	xssh "golang.org/x/crypto/ssh"
)

// Algorithms are lists of SSH algorithms under their own names, the preferred
// one first.
type Algorithms struct {
	KeyExchanges, HostKeys, Ciphers, MACs []string
}

// Algorithms are those that a connection to the host would offer. The host
// keys are of the pinned kinds alone, for no other key is accepted; without a
// pin there are none.
func (h *Host) Algorithms() Algorithms {
	var c xssh.Config
	c.SetDefaults() // dial leaves it to the library too
	out := Algorithms{KeyExchanges: c.KeyExchanges, Ciphers: c.Ciphers, MACs: c.MACs}
	for _, line := range h.cfg.pinned() {
		if key, err := parseKey(line); err == nil { // dial says what is wrong with it
			out.HostKeys = append(out.HostKeys, algorithmsOf(key.Type())...)
		}
	}
	return out
}
