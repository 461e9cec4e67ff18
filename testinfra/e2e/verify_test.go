//go:build linux

package e2e

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/lab"
	"github.com/k3sedge/k3sedge/testinfra/verify"
)

// TestVerify lets the verification suite look at a good cluster, and at one
// with a promise broken by hand.
func TestVerify(t *testing.T) {
	t.Parallel() // beside TestPublic, which mostly waits
	s := newEdge(t, "e2e-verify")
	s.cluster.Edge.Mode = inventory.EdgeLAN
	s.becomeExisting("10.77.0.21", "10.77.0.22")
	for _, n := range s.cluster.Nodes {
		fingerprint := s.consoleFingerprint(n)
		eventually(t, n.Name+" listens", time.Minute, func() bool { return s.connect(n.Address.String(), "22") == "open" })
		s.must(0, "trust", n.Name, "--fingerprint", fingerprint)
	}
	s.must(0, "up")
	authority, err := s.console("old-1", nil, "cat", "/var/lib/rancher/k3s/server/issuer/lab-ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	site := verify.Site{
		Project: s.dir, K3sedge: s.program, Prober: filepath.Join(filepath.Dir(s.program), "k3sedge-lab"),
		Operator: s.lab.Command, Third: s.lab.StrangerCommand, Power: &switches{s},
		Backend: "10.77.0.50:3000", Roots: authority, Disruptive: true, Progress: logWriter{t},
	}
	t.Run("a good cluster", func(t *testing.T) { goodCluster(t, site) })
	site.Disruptive = false
	for _, b := range breaks() {
		t.Run(b.name, func(t *testing.T) { b.breaks(t, s.on(t), site) })
	}
}

// goodCluster wants every promise to be kept that a container can keep.
func goodCluster(t *testing.T, site verify.Site) {
	report, err := verify.All(t.Context(), site, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + report.Markdown())
	if len(report.Results) != len(verify.Promises()) {
		t.Errorf("%d results, want one for each of %d promises", len(report.Results), len(verify.Promises()))
	}
	for _, r := range report.Results {
		name := strings.TrimPrefix(r.Name, "after-reboot/")
		needsVM := slices.Contains([]string{"controls-of-the-kernel", "controls-of-the-boot", "controls-of-the-filesystem"}, name)
		switch {
		case needsVM && (r.Verdict != verify.LeftOut || !strings.Contains(r.Reason, "is a container (systemd-nspawn)")):
			t.Errorf("%s of containers: %s %s", r.Name, r.Verdict, r.Reason)
		case r.Name == "firewall-before-network" && r.Verdict != verify.LeftOut:
			t.Errorf("%s before any restart: %s %s", r.Name, r.Verdict, r.Reason)
		case !needsVM && r.Name != "firewall-before-network" && r.Verdict != verify.Kept:
			t.Errorf("%s: %s: %s", r.Name, r.Verdict, r.Reason)
		}
	}
}

// broken is a promise that is broken by hand.
type broken struct{ name, script, back, promise string }

func breaks() []broken {
	return []broken{
		{"an open port", "nft add element inet k3sedge tcp4 '{ 10.77.0.2 . 7777 }'", "nft delete element inet k3sedge tcp4 '{ 10.77.0.2 . 7777 }'", "ports-from-outside"},
		{"a password login", "echo PasswordAuthentication yes >/etc/ssh/sshd_config.d/00-a.conf; systemctl restart ssh", "rm /etc/ssh/sshd_config.d/00-a.conf; systemctl restart ssh", "password-login-refused"},
		{"a kernel setting", "sysctl -qw net.ipv4.conf.all.log_martians=0", "sysctl -qw net.ipv4.conf.all.log_martians=1", "all-controls-hold"},
	}
}

// breaks wants exactly one promise to be broken.
func (b broken) breaks(t *testing.T, s *site, site verify.Site) {
	if _, err := s.console("old-2", nil, "sh", "-ec", b.script); err != nil {
		t.Fatal(err)
	}
	report, err := verify.All(t.Context(), site, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range report.Results {
		if r.Verdict == verify.Broken || r.Verdict == verify.Unseen {
			got = append(got, r.Name)
			t.Logf("%s: %s: %s", r.Name, r.Verdict, r.Reason)
		}
	}
	if !slices.Equal(got, []string{b.promise}) {
		t.Errorf("broken: %v, want %s alone", got, b.promise)
	}
	if _, err := s.console("old-2", nil, "sh", "-ec", b.back); err != nil {
		t.Fatal(err)
	}
}

// switches are the power switches of machines that are containers.
type switches struct{ s *site }

// Off kills the machine's first process.
func (p *switches) Off(ctx context.Context, node string) error {
	if err := syscall.Kill(p.s.pid(node), syscall.SIGKILL); err != nil {
		return err
	}
	eventually(p.s.t, node+" is off", time.Minute, func() bool {
		status, err := p.s.lab.Status(ctx)
		return err == nil && !slices.ContainsFunc(status.Machines, func(m lab.MachineStatus) bool { return m.Name == node && m.Running })
	})
	return nil
}

// On boots it from the disk that it has.
func (p *switches) On(ctx context.Context, node string) error {
	n, _ := p.s.cluster.Node(node)
	return p.s.lab.AddMachine(ctx, lab.Plain{Name: n.Name, Address: n.Address.String(), User: p.s.cluster.SSH.User, AuthorizedKeys: p.s.cluster.SSH.AuthorizedKeys})
}
