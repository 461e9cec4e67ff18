//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// lockout is a ruleset that lets nobody in any more.
const lockout = `add table inet k3sedge
delete table inet k3sedge
table inet k3sedge {
	chain input {
		type filter hook input priority filter - 10; policy drop;
	}
}
`

// agentPath is how a shell on a node finds the agent.
const agentPath = `$(ls -t /usr/local/lib/k3sedge/k3sedge-node-* | head -1)`

// rollbacks applies changes that lock everybody out, with clients that die.
func rollbacks(t *testing.T, s *site) {
	good := s.onNode(0, "sudo nft list table inet k3sedge; sudo sshd -T")
	for name, tx := range map[string]facts.Transaction{
		"ruleset": {ID: "e2e-ruleset", Ruleset: lockout, RulesetPath: "/etc/nftables.d/k3sedge.nft", Window: 10},
		"sshd": {ID: "e2e-sshd", Window: 10,
			Files: []facts.FileChange{{Path: "/etc/ssh/sshd_config.d/00-k3sedge.conf", Content: "AllowUsers nobody\n", Mode: 0o600}},
			Units: []facts.UnitChange{{Name: "ssh.service", Action: "reload"}}},
		"key": {ID: "e2e-key", Window: 10,
			Files: []facts.FileChange{{Path: "/etc/ssh/sshd_config.d/00-k3sedge.conf", Content: "AuthorizedKeysFile none\n", Mode: 0o600}},
			Units: []facts.UnitChange{{Name: "ssh.service", Action: "reload"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			s.applyAndDie(t, tx)
			if s.ssh(0, "true").code == 0 {
				t.Fatal("the change did not lock us out: the test would prove nothing")
			}
			eventually(t, "the machine goes back by itself", 40*time.Second, func() bool { return s.ssh(0, "true").code == 0 })
			if after := s.onNode(0, "sudo nft list table inet k3sedge; sudo sshd -T"); withoutCounters(after) != withoutCounters(good) {
				t.Errorf("after the rollback:\n%s\nwant\n%s", after, good)
			}
			s.tellsTheEndOf(tx.ID)
		})
	}
	t.Run("reboot inside the window", func(t *testing.T) {
		s := s.on(t)
		s.applyAndDie(t, facts.Transaction{ID: "e2e-reboot", Ruleset: lockout, RulesetPath: "/etc/nftables.d/k3sedge.nft", Window: 600})
		if err := s.lab.Restart(t.Context(), s.cluster.Nodes[0].Name); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the machine is back with its old rules", time.Minute, func() bool { return s.ssh(0, "true").code == 0 })
		s.tellsTheEndOf("e2e-reboot")
	})
	t.Run("harden killed in the middle", func(t *testing.T) { hardenKilled(t, s.on(t)) })
}

// tellsTheEndOf wants `harden --check` to find nothing wrong, and to say that
// a change was taken back.
func (s *site) tellsTheEndOf(id string) {
	s.t.Helper()
	if r := s.must(0, "harden", "--check", "--format", "json"); !strings.Contains(r.stdout, "the last change, "+id+", was rolled back at") {
		s.t.Errorf("the end of %s is not told:\n%s", id, r.stdout)
	}
}

// applyAndDie sends a transaction with OpenSSH and kills that client with
// SIGKILL as soon as the change is in force.
func (s *site) applyAndDie(t *testing.T, tx facts.Transaction) {
	t.Helper()
	request, err := json.Marshal(tx)
	if err != nil {
		t.Fatal(err)
	}
	// The client lives on behind the answer, so that it is really killed.
	cmd, out, errs := s.command(s.sshArgs(0, "sudo "+agentPath+" apply; sleep 600")...)
	cmd.Stdin = strings.NewReader(string(request))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("apply said %s%s", out, errs)
		}
	})
	eventually(t, "the machine no longer lets us in", 30*time.Second, func() bool { return s.ssh(0, "true").code != 0 })
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("kill the client: %v\n%s%s", err, out, errs)
	}
	_ = cmd.Wait() // ended by the signal
}

// hardenKilled kills k3sedge itself while its change waits on the node for the
// confirmation, and wants the next run to mend everything.
func hardenKilled(t *testing.T, s *site) {
	s.onNode(0, "sudo nft delete table inet k3sedge")
	pending := []string{"-t", strconv.Itoa(s.pid(s.cluster.Nodes[0].Name)), "-a", "test", "-e", "/var/lib/k3sedge/pending"}
	cmd, out, errs := s.start("harden")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for exec.CommandContext(t.Context(), "nsenter", pending...).Run() != nil {
		select {
		case err := <-ended:
			t.Fatalf("harden ended before its change was seen: %v\n%s%s", err, out, errs)
		default:
		}
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ended
	r := s.must(0, "harden")
	if !strings.Contains(r.stderr, "go back from an unconfirmed change") {
		t.Errorf("the next run did not wait for the node to go back:\n%s", r.stderr)
	}
	s.must(0, "harden", "--check")
}

// withoutCounters takes packet counts out of a listing.
func withoutCounters(listing string) string {
	var out []string
	for _, line := range strings.Split(listing, "\n") {
		if i := strings.Index(line, "counter packets"); i >= 0 {
			rest := strings.Fields(line[i:])
			line = line[:i] + "counter " + strings.Join(rest[min(5, len(rest)):], " ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// lostState removes .k3sedge: the VMs are found again by their marks, and the
// host keys, which nobody may guess, are told by the guest agents.
func lostState(t *testing.T, s *site) {
	known := filepath.Join(s.dir, ".k3sedge", "known_hosts")
	pins := func() (out string) {
		for _, n := range s.cluster.Nodes {
			cmd, lines, errs := s.command("ssh-keygen", "-l", "-f", known, "-F", n.Name)
			out += regexp.MustCompile("SHA256:[A-Za-z0-9+/]+").FindString(s.finish(cmd.Run(), lines, errs).stdout) + "\n"
		}
		return out
	}
	before := pins()
	if err := os.RemoveAll(filepath.Join(s.dir, ".k3sedge")); err != nil {
		t.Fatal(err)
	}
	wrong := s.must(1, "trust", s.cluster.Nodes[0].Name, "--fingerprint", "SHA256:AAAA")
	if !strings.Contains(wrong.stderr, "nothing was pinned") {
		t.Errorf("a wrong fingerprint: %s", wrong.stderr)
	}
	s.must(0, "up")
	if after := pins(); after != before || strings.Count(after, "SHA256:") != 2 {
		t.Errorf("pinned before\n%safter\n%s", before, after)
	}
	if got := s.vms(); len(got) != 2 {
		t.Errorf("machines %v after the state folder was lost, want the same two", got)
	}
	s.must(0, "up", "--plan")
}
