package ssh

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	pins := openPins(t, filepath.Join(t.TempDir(), "known_hosts"))
	h := NewHost(Config{Name: "node-1", Address: "10.0.0.11:22", Pins: pins})
	have := h.Algorithms()
	if len(have.HostKeys) != 0 || !slices.Contains(have.KeyExchanges, "curve25519-sha256") ||
		!slices.Contains(have.Ciphers, "aes256-gcm@openssh.com") || !slices.Contains(have.MACs, "hmac-sha2-256-etm@openssh.com") {
		t.Errorf("without a pin: %+v", have)
	}
	_, public := sshtest.NewKey(t, "")
	set(t, pins, "node-1", "10.0.0.11:22", public)
	if have := h.Algorithms().HostKeys; !slices.Equal(have, []string{"ssh-ed25519"}) {
		t.Errorf("with a pin: %q", have)
	}
}
