//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// twoAtOnce hardens the same node from two projects, which no lock on this
// side keeps apart.
func twoAtOnce(t *testing.T, s *site) {
	s.onNode(0, "sudo nft delete table inet k3sedge")
	other := *s
	other.dir = t.TempDir()
	if err := os.CopyFS(other.dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	first, out1, errs1 := s.start("harden")
	second, out2, errs2 := other.start("harden")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	a := s.finish(first.Wait(), out1, errs1)
	b := s.finish(second.Wait(), out2, errs2)
	for _, r := range []result{a, b} {
		t.Logf("exit %d\n%s", r.code, r.stderr)
		if r.code != 0 && !strings.Contains(r.stderr, "another change of this host waits for its confirmation") {
			t.Errorf("exit %d, and the other run is not named:\n%s", r.code, r.stderr)
		}
	}
	if a.code != 0 && b.code != 0 {
		t.Error("neither run hardened the node")
	}
	s.must(0, "harden", "--check")
}

// algorithms forces a key exchange onto the node that OpenSSH speaks and our
// own client does not. k3sedge itself would refuse to write it.
func algorithms(t *testing.T, s *site) {
	tx := facts.Transaction{ID: "e2e-algorithms", Window: 15,
		Files: []facts.FileChange{{Path: "/etc/ssh/sshd_config.d/00-k3sedge.conf", Content: "KexAlgorithms sntrup761x25519-sha512@openssh.com\n", Mode: 0o600}},
		Units: []facts.UnitChange{{Name: "ssh.service", Action: "reload"}}}
	request, err := json.Marshal(tx)
	if err != nil {
		t.Fatal(err)
	}
	cmd, out, errs := s.command(s.sshArgs(0, "sudo "+agentPath+" apply")...)
	cmd.Stdin = strings.NewReader(string(request))
	if r := s.finish(cmd.Run(), out, errs); r.code != 0 {
		t.Fatalf("the agent refused it, exit %d\n%s", r.code, r.stderr)
	}
	if r := s.must(4, "harden", "--check"); !strings.Contains(r.stderr, "algorithm") {
		t.Errorf("the reason is not told:\n%s", r.stderr)
	}
	eventually(t, "our client gets in again", 40*time.Second, func() bool { return s.k3sedge("harden", "--check").code == 0 })
	s.tellsTheEndOf(tx.ID)
}

// connectionCut pulls the node's cable while its change waits, and plugs it in
// again when the node has gone back.
func connectionCut(t *testing.T, s *site) {
	s.onNode(0, "sudo nft delete table inet k3sedge")
	waits := func() bool {
		return exec.CommandContext(t.Context(), "nsenter", "-t", strconv.Itoa(s.pid(s.cluster.Nodes[0].Name)), "-a", "test", "-e", "/var/lib/k3sedge/pending").Run() == nil
	}
	cable := func(state string) {
		cmd, out, errs := s.command("ip", "link", "set", "p-9000", state)
		if r := s.finish(cmd.Run(), out, errs); r.code != 0 {
			t.Fatal(r.stderr)
		}
	}
	ended := make(chan string, 1)
	go func() {
		said, err := s.inside("TestInsideRescue")
		if err != nil {
			t.Errorf("%v\n%s", err, said)
		}
		ended <- said
	}()
	for !waits() {
		select {
		case said := <-ended:
			t.Fatalf("it ended before its change was seen:\n%s", said)
		default:
		}
	}
	cable("down")
	eventually(t, "the node goes back", 40*time.Second, func() bool { return !waits() })
	cable("up")
	if said := <-ended; !strings.Contains(said, "has gone back to its old state by itself, and lets you in again") {
		t.Errorf("what happened is not told:\n%s", said)
	}
	s.must(0, "harden")
	s.must(0, "harden", "--check")
}
