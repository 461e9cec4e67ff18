//go:build linux

package e2e

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/hardening"
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
	stock := s.audit(3)
	s.onNode(1, kubeChains)
	chains := s.chains(1)
	up := s.must(0, "up")
	if strings.Count(up.stdout, "yes") != 2 {
		t.Errorf("not both machines are compliant:\n%s", up.stdout)
	}
	s.must(0, "up", "--plan")
	t.Run("only what needs more than a container is left", func(t *testing.T) {
		for node, findings := range s.on(t).audit(0) {
			onlyTheExcusedIsLeft(t, node, findings)
			for _, id := range slices.Sorted(maps.Keys(findings)) {
				t.Logf("%s: %-14s -> %-14s %s  %s", node, stock[node][id].Status, findings[id].Status, id, strings.Join(findings[id].Evidence, " | "))
			}
			t.Logf("%s: %d of %d controls did not pass before, %d do not now", node, notPassing(stock[node]), len(findings), notPassing(findings))
		}
	})
	t.Run("hardened again writes nothing", func(t *testing.T) {
		s := s.on(t)
		s.writesNothing(func() { s.must(0, "harden") })
	})
	t.Run("the rules of Kubernetes stay", func(t *testing.T) { rulesStay(t, s.on(t), chains) })
	if r := s.must(2, "down", "--yes"); !strings.Contains(r.stderr, "did not make these machines") {
		t.Errorf("down of machines that we did not make: %s", r.stderr)
	}
	if s.ssh(0, "true").code != 0 {
		t.Error("the machine is gone after down")
	}
}

// rulesStay wants the rules that stood on the second node before it was
// hardened, whatever is done with its firewall.
func rulesStay(t *testing.T, s *site, chains string) {
	if after := s.chains(1); after != chains {
		t.Errorf("after harden:\n%s\nbefore\n%s", after, chains)
	}
	s.onNode(1, "sudo nft delete table inet k3sedge")
	s.must(0, "harden", "--only", "FW", "--node", s.cluster.Nodes[1].Name)
	s.onNode(1, "sudo systemctl restart nftables")
	if after := s.chains(1); after != chains {
		t.Errorf("after a restart of nftables:\n%s\nbefore\n%s", after, chains)
	}
	s.must(0, "harden", "--check")
}

// notPassing counts the controls that do not pass.
func notPassing(findings map[string]hardening.Finding) (n int) {
	for _, f := range findings {
		if f.Status != hardening.Pass {
			n++
		}
	}
	return n
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
