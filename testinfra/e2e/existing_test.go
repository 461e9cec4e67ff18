//go:build linux

package e2e

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// TestExistingMachines hardens machines that somebody else made: their host
// keys are asked for once, and nothing is destroyed.
func TestExistingMachines(t *testing.T) {
	s := newLab(t, "e2e-existing")
	s.becomeExisting("10.77.0.21", "10.77.0.22")

	fingerprints := map[string]string{}
	for _, n := range s.cluster.Nodes {
		fingerprints[n.Name] = s.consoleFingerprint(n)
		eventually(t, n.Name+" listens", time.Minute, func() bool { return s.connect(n.Address.String(), "22") == "open" })
	}
	unknown := s.must(1, "up")
	if !strings.Contains(unknown.stderr, "no host key pinned") || !strings.Contains(unknown.stderr, "k3sedge trust old-1") {
		t.Fatalf("the unknown host key is not named with its remedy:\n%s", unknown.stderr)
	}
	for _, n := range s.cluster.Nodes {
		s.must(0, "trust", n.Name, "--fingerprint", fingerprints[n.Name])
	}
	s.must(3, "up", "--plan")
	up := s.must(0, "up")
	if strings.Count(up.stdout, "yes") != 2 {
		t.Errorf("not both machines are compliant:\n%s", up.stdout)
	}
	s.must(0, "up", "--plan")
	s.must(0, "harden", "--check")
	if r := s.must(2, "down", "--yes"); !strings.Contains(r.stderr, "did not make these machines") {
		t.Errorf("down of machines that we did not make: %s", r.stderr)
	}
	if s.ssh(0, "true").code != 0 {
		t.Error("the machine is gone after down")
	}
}

// becomeExisting boots machines that Proxmox knows nothing of and writes a
// project for them.
func (s *site) becomeExisting(addresses ...string) {
	s.t.Helper()
	c := s.cluster
	c.Provider = inventory.Provider{Existing: &inventory.Existing{}}
	c.Nodes = nil
	for i, a := range addresses {
		n := inventory.Node{Name: []string{"old-1", "old-2"}[i], Role: []inventory.Role{inventory.Server, inventory.Agent}[i], Address: netip.MustParseAddr(a)}
		c.Nodes = append(c.Nodes, n)
		plain := lab.Plain{Name: n.Name, Address: a, User: c.SSH.User, AuthorizedKeys: c.SSH.AuthorizedKeys}
		if err := s.lab.AddMachine(s.t.Context(), plain); err != nil {
			s.t.Fatal(err)
		}
	}
	document, err := yaml.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "k3sedge.yaml"), document, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.cluster = c
}

// consoleFingerprint reads a machine's host key as its owner would: on its
// console, beside SSH, when it has booted.
func (s *site) consoleFingerprint(n inventory.Node) (fingerprint string) {
	s.t.Helper()
	eventually(s.t, n.Name+" has made its host key", time.Minute, func() bool {
		console, err := s.lab.ConsoleCommand(s.t.Context(), n.Name, "ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub")
		if err != nil {
			return false // just switched on
		}
		out, err := console.Output()
		fingerprint = regexp.MustCompile("SHA256:[A-Za-z0-9+/]+").FindString(string(out))
		return err == nil && fingerprint != ""
	})
	return fingerprint
}

// pid is the number of a machine's first process.
func (s *site) pid(name string) int {
	s.t.Helper()
	status, err := s.lab.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range status.Machines {
		if m.Name == name && m.PID > 0 {
			return m.PID
		}
	}
	s.t.Fatalf("%s does not run: %+v", name, status.Machines)
	return 0
}
