package facts

// Algorithms are lists of SSH algorithms under their own names, the preferred
// one first.
type Algorithms struct {
	KeyExchanges []string `json:"keyExchanges"`
	HostKeys     []string `json:"hostKeys"`
	Ciphers      []string `json:"ciphers"`
	MACs         []string `json:"macs"`
}

// Offer is what the running sshd tells anybody who connects, before a login.
type Offer struct {
	Address string `json:"address"`
	Banner  string `json:"banner"` // SSH-2.0-OpenSSH_9.2p1 …
	Algorithms
}

// HostKey is a key by which sshd would prove who the host is. The zero Type is
// of a file that is not there: sshd goes on without it.
type HostKey struct {
	File        string `json:"file"`
	Type        string `json:"type"` // ssh-ed25519 …
	Bits        int    `json:"bits"`
	Fingerprint string `json:"fingerprint"` // SHA256:…
	Mode        uint32 `json:"mode"`
	UID         int    `json:"uid"`
	GID         int    `json:"gid"`
}

// Proofs are the signature algorithms by which the key proves itself.
func (k HostKey) Proofs() []string {
	switch k.Type {
	case "":
		return nil // the file is not there
	case "ssh-rsa":
		return []string{"rsa-sha2-512", "rsa-sha2-256"}
	}
	return []string{k.Type}
}

// Moduli are the groups that sshd may choose from for the group exchange.
type Moduli struct {
	File string `json:"file"`
	// Sizes counts the groups by the bits of their modulus. They are one less
	// than people say: 2047, 3071 …
	Sizes map[int]int `json:"sizes"`
}

// Daemon is the sshd that runs, beside what it would read now.
type Daemon struct {
	// PID and Loaded are zero where no sshd listens by itself. Loaded is when
	// it read its files last, in nanoseconds of Unix time.
	PID    int   `json:"pid"`
	Loaded int64 `json:"loaded"`
	// Files are those that it would read, and the folders in which it would look for more.
	Files []Stamp `json:"files"`
}

// Stamp is when a file was last changed in any way, in nanoseconds of Unix time.
type Stamp struct {
	Path    string `json:"path"`
	Changed int64  `json:"changed"`
}
