package ssh

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// rig is a server and what is needed to log in to it.
type rig struct {
	server *sshtest.Server
	cfg    Config
}

func newRig(t *testing.T) rig {
	t.Helper()
	path, public := sshtest.NewKey(t, "")
	server := sshtest.Start(t, public)
	pins, err := OpenPins(filepath.Join(t.TempDir(), "known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	if err := pins.Set("edge-1", server.Address, server.HostKey()); err != nil {
		t.Fatal(err)
	}
	return rig{server, Config{Name: "edge-1", Address: server.Address, User: sshtest.User, Auth: &Auth{Identities: []string{path}}, Pins: pins}}
}

// quick is a pace for tests: retries at once, everything else as in life.
func quick() pace {
	p := defaultPace()
	p.retry = func(machine.State, int) time.Duration { return time.Millisecond }
	return p
}

// host makes a host that is closed with the test.
func (r rig) host(t *testing.T, p pace) *Host {
	t.Helper()
	h := newHost(r.cfg, p)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sshtest.TestHost(t, func(t *testing.T) machine.Host { return newRig(t).host(t, defaultPace()) })
}
