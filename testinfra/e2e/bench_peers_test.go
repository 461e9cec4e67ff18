//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkHardenBesidePeers measures one look at two hardened machines beside
// what others need for as much: a bare login, Ansible's facts, an Ansible
// playbook that asks the same, and lynis, which runs on the machines
// themselves. All in one run, on the same machines.
func BenchmarkHardenBesidePeers(b *testing.B) {
	for _, program := range []string{"ansible", "lynis"} {
		if _, err := exec.LookPath(program); err != nil {
			b.Skipf("left out: %s is not installed (make bench)", program)
		}
	}
	s := newLab(b, "e2e-bench-peers")
	s.must(0, "up")
	s.must(0, "harden", "--check")
	a := newAnsible(s)
	a.run("ansible", "all", "-m", "ping") // the first one makes caches
	var checks, logins, gathered, played, lynis []time.Duration
	for b.Loop() {
		checks = append(checks, timed(func() { s.must(0, "harden", "--check") }))
		logins = append(logins, timed(s.sshTrue))
	}
	playbook, err := filepath.Abs(filepath.Join("testdata", "check.yml"))
	if err != nil {
		b.Fatal(err)
	}
	for range 3 {
		gathered = append(gathered, timed(func() { a.run("ansible", "all", "-m", "setup") }))
		played = append(played, timed(func() { a.run("ansible-playbook", "--check", playbook) }))
	}
	for _, n := range s.cluster.Nodes[:1] {
		lynis = append(lynis, timed(func() { s.lynis(n.Name) }))
	}
	check, login := median(checks), median(logins)
	b.ReportMetric(inMS(check), "ms/check")
	b.ReportMetric(inMS(check)/inMS(login), "check/ssh-true")
	fmt.Printf("harden --check, two nodes: %.0f ms (median of %d)\n", inMS(check), len(checks))
	for _, peer := range []struct {
		name string
		took []time.Duration
		goal string
	}{
		{"ssh HOST true, both nodes at once", logins, "harden at most 2 times as long"},
		{"ansible -m setup, both nodes", gathered, "at least 20 times as long"},
		{"ansible-playbook check.yml, both nodes", played, "at least 20 times as long"},
		{"lynis audit system --quick, one node", lynis, "at least 20 times as long"},
	} {
		took := median(peer.took)
		fmt.Printf("  %-40s %8.0f ms (median of %d): %.2f times harden --check; goal: %s\n", peer.name, inMS(took), len(peer.took), inMS(took)/inMS(check), peer.goal)
	}
}

// ansible is Debian's, with the settings that make it fast.
type ansible struct {
	*site
	inventory string
}

func newAnsible(s *site) ansible {
	s.t.Helper()
	var lines []string
	for _, n := range s.cluster.Nodes {
		lines = append(lines, n.Name+" ansible_host="+n.Address.String())
	}
	lines = append(lines, "[all:vars]", "ansible_user="+s.cluster.SSH.User, "ansible_become=true", "ansible_python_interpreter=/usr/bin/python3",
		"ansible_ssh_private_key_file="+filepath.Join(s.dir, "id_ed25519"),
		"ansible_ssh_common_args=-F none -o StrictHostKeyChecking=yes -o UserKnownHostsFile="+filepath.Join(s.dir, ".k3sedge", "known_hosts"))
	a := ansible{s, filepath.Join(s.dir, "ansible-hosts")}
	if err := os.WriteFile(a.inventory, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return a
}

// run runs one of Ansible's programs on all nodes.
func (a ansible) run(program string, args ...string) {
	a.t.Helper()
	cmd, out, errs := a.command(append([]string{program, "-i", a.inventory}, args...)...)
	cmd.Env = append(cmd.Env, "HOME="+a.dir, "LC_ALL=C.UTF-8", "ANSIBLE_PIPELINING=true", "ANSIBLE_NOCOLOR=true", "ANSIBLE_NOCOWS=true",
		"ANSIBLE_SSH_ARGS=-o ControlMaster=auto -o ControlPersist=60s")
	if err := cmd.Run(); err != nil {
		a.t.Fatalf("%s %v: %v\n%.3000s%.3000s", program, args, err, out, errs)
	}
}
