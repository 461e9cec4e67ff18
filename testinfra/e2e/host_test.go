//go:build linux

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/agent"
	"github.com/k3sedge/k3sedge/k3s"
	"github.com/k3sedge/k3sedge/k3s/kubeapi"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/provision/machine/ssh"
	"github.com/k3sedge/k3sedge/testinfra/kubetest"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// insideProject names the project folder to the test that runs in the LAN.
const insideProject = "K3SEDGE_E2E_PROJECT"

// TestRealPartsKeepTheContracts holds the suites that the stand-ins pass
// against a hardened Debian machine, with sudo, PAM and a firewall, and against
// the API server that runs on it.
func TestRealPartsKeepTheContracts(t *testing.T) {
	s := newEdge(t, "e2e-host")
	// The suite dials ports of its own through the host, which SSH-13 forbids.
	s.must(0, "up")
	s.onNode(0, "echo PermitOpen any | sudo tee /etc/ssh/sshd_config.d/00-a-suite.conf && sudo systemctl restart ssh")
	if said, err := s.inside("TestInsideTheLAN"); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestInsideTheLAN is the part of TestRealPartsKeepTheContracts that needs the
// operator's address.
func TestInsideTheLAN(t *testing.T) {
	dir := os.Getenv(insideProject)
	if dir == "" {
		t.Skip("is run by TestRealPartsKeepTheContracts, inside the lab's LAN")
	}
	t.Run("host", func(t *testing.T) {
		sshtest.TestHost(t, func(t *testing.T) machine.Host { return dialEdge(t, dir) })
	})
	t.Run("cluster", func(t *testing.T) {
		h := dialEdge(t, dir)
		server := look.Remote{Target: h, Agents: agent.Embedded{}}
		api := kubeapi.New(kubeapi.Config{Dialer: h, Kubeconfig: func(ctx context.Context) ([]byte, error) { return k3s.Kubeconfig(ctx, server) }})
		t.Cleanup(func() { _ = api.Close() })
		kubetest.Run(t, api)
	})
}

func dialEdge(t *testing.T, dir string) *ssh.Host {
	t.Helper()
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
}
