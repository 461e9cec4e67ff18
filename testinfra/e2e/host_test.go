//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/ssh"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// insideProject names the project folder to the test that runs in the LAN.
const insideProject = "K3SEDGE_E2E_PROJECT"

// TestRealHostKeepsTheContract holds the suite that the in-process SSH server
// passes against a hardened Debian machine: with sudo, PAM and a firewall.
func TestRealHostKeepsTheContract(t *testing.T) {
	s := newLab(t, "e2e-host")
	s.must(0, "up")
	cmd, out, errs := s.command(os.Args[0], "-test.run=^TestInsideTheLAN$", "-test.v")
	cmd.Env = append(cmd.Env, insideProject+"="+s.dir)
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
}

// TestInsideTheLAN is the part of TestRealHostKeepsTheContract that needs the
// operator's address.
func TestInsideTheLAN(t *testing.T) {
	dir := os.Getenv(insideProject)
	if dir == "" {
		t.Skip("is run by TestRealHostKeepsTheContract, inside the lab's LAN")
	}
	sshtest.TestHost(t, func(t *testing.T) machine.Host {
		pins, err := ssh.OpenPins(filepath.Join(dir, ".k3sedge", "known_hosts"))
		if err != nil {
			t.Fatal(err)
		}
		h := ssh.NewHost(ssh.Config{
			Name: "edge-1", Address: "10.77.0.11:22", User: "admin", Pins: pins,
			Auth: &ssh.Auth{Identities: []string{filepath.Join(dir, "id_ed25519")}},
		})
		t.Cleanup(func() { _ = h.Close() })
		return h
	})
}
