//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheWholeRoad goes from an empty Proxmox to two hardened machines and
// through everything that is promised of them.
func TestTheWholeRoad(t *testing.T) {
	s := newLab(t, "e2e-road")
	plan := s.must(3, "up", "--plan")
	if !strings.Contains(plan.stderr, "would change") || len(s.vms()) != 0 {
		t.Fatalf("a plan names what would change and makes nothing: %v\n%s", s.vms(), plan.stderr)
	}
	first := s.must(0, "up")
	t.Log(first.stdout)
	if n := strings.Count(first.stdout, "yes"); n != 2 {
		t.Fatalf("%d compliant machines in the table, want 2:\n%s", n, first.stdout)
	}
	t.Run("second run changes nothing", func(t *testing.T) { secondRun(t, s.on(t)) })
	t.Run("drift is named and mended", func(t *testing.T) { drift(t, s.on(t)) })
	t.Run("who gets in", func(t *testing.T) { whoGetsIn(t, s.on(t)) })
	t.Run("lost state folder", func(t *testing.T) { lostState(t, s.on(t)) })
	t.Run("rollback", func(t *testing.T) { rollbacks(t, s.on(t)) })
	t.Run("restart", func(t *testing.T) {
		s := s.on(t)
		for _, n := range s.cluster.Nodes {
			if err := s.lab.Restart(t.Context(), n.Name); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "both machines answer again", time.Minute, func() bool { return s.ssh(0, "true").code == 0 && s.ssh(1, "true").code == 0 })
		s.must(0, "harden", "--check")
		whoGetsIn(t, s)
	})
	t.Run("down", func(t *testing.T) {
		s := s.on(t)
		if r := s.must(2, "down"); !strings.Contains(r.stderr, "--yes") || len(s.vms()) != 2 {
			t.Errorf("without a terminal, down asks for --yes and destroys nothing: %v\n%s", s.vms(), r.stderr)
		}
		s.must(0, "down", "--yes")
		if left := s.vms(); len(left) != 0 {
			t.Errorf("left after down: %v", left)
		}
	})
}

// marks is what changes on a node when anything is restarted or written.
const marks = `cat /proc/sys/kernel/random/boot_id
systemctl show -p ActiveEnterTimestampMonotonic -p ExecReloadStartTimestampMonotonic ssh nftables systemd-networkd | cat
sudo find /etc /usr/local /var/lib/k3sedge -newer /tmp/e2e-mark -type f | sort`

func secondRun(t *testing.T, s *site) {
	s.onNode(0, "touch /tmp/e2e-mark")
	s.onNode(1, "touch /tmp/e2e-mark")
	before := s.onNode(0, marks) + s.onNode(1, marks)
	if err := s.lab.ForgetCalls(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := s.must(0, "up", "--output", "json")
	if strings.Contains(again.stdout, "step-chang") {
		t.Errorf("the second run changed something:\n%s", again.stdout)
	}
	if w := s.writes(); len(w) > 0 {
		t.Errorf("the second run wrote to Proxmox: %v", w)
	}
	if after := s.onNode(0, marks) + s.onNode(1, marks); after != before {
		t.Errorf("the second run touched a node:\nbefore %s\nafter %s", before, after)
	}
	s.must(0, "up", "--plan")
}

func drift(t *testing.T, s *site) {
	s.onNode(0, `printf 'PasswordAuthentication yes\n' | sudo tee /etc/ssh/sshd_config.d/00-aaa.conf >/dev/null; sudo systemctl reload ssh; sudo nft delete table inet k3sedge`)
	name := s.cluster.Nodes[0].Name
	failing := s.failing(3)
	for _, want := range []string{"SSH-01", "FW-01"} {
		if !failing[name+" "+want] {
			t.Errorf("%s is not among the findings: %v", want, failing)
		}
	}
	for f := range failing {
		if !strings.HasPrefix(f, name+" ") {
			t.Errorf("the node that did not drift has a finding: %s", f)
		}
	}
	s.must(3, "up", "--plan")
	s.must(0, "harden")
	if left := s.failing(0); len(left) > 0 {
		t.Errorf("left after harden: %v", left)
	}
}

func whoGetsIn(t *testing.T, s *site) {
	address := s.cluster.Nodes[0].Address.String()
	s.onNode(0, "sudo -n true")
	attempts := func(options ...string) string {
		argv := append([]string{"ssh", "-F", "none", "-v", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"}, options...)
		cmd, out, errs := s.command(argv...)
		r := s.finish(cmd.Run(), out, errs)
		if r.code == 0 {
			t.Errorf("%v: logged in", options)
		}
		return r.stderr
	}
	if said := attempts("-o", "PreferredAuthentications=password,keyboard-interactive", s.cluster.SSH.User+"@"+address, "true"); !strings.Contains(said, "can continue: publickey\n") && !strings.Contains(said, "can continue: publickey\r") {
		t.Errorf("the server offers more than keys:\n%s", said)
	}
	if said := attempts("-i", s.dir+"/id_ed25519", "root@"+address, "true"); !strings.Contains(said, "Permission denied") {
		t.Errorf("root is not refused:\n%s", said)
	}
	for _, port := range []string{"8080", "6443"} {
		if got := s.connect(address, port); got != "dropped" {
			t.Errorf("port %s is %s, want dropped", port, got)
		}
	}
	stranger, err := s.lab.StrangerCommand(t.Context(), "bash", "-c", fmt.Sprintf(connectScript, address, "22"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := stranger.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "dropped" {
		t.Errorf("a stranger's connection to SSH: %s, %v, want dropped", out, err)
	}
}

// connectScript tells a port that refuses from one that says nothing.
const connectScript = `exec 2>/dev/null; timeout 1 bash -c '</dev/tcp/%s/%s'; case $? in 0) echo open;; 124) echo dropped;; *) echo refused;; esac`

func (s *site) connect(address, port string) string {
	s.t.Helper()
	cmd, out, errs := s.command("bash", "-c", fmt.Sprintf(connectScript, address, port))
	return strings.TrimSpace(s.finish(cmd.Run(), out, errs).stdout)
}

// killPoint is an event at which a command is killed.
type killPoint struct{ kind, step string }

// TestKilledUpNeverMakesAThirdMachine kills `up` with SIGKILL at ten different
// points on its way and lets the next run go on.
func TestKilledUpNeverMakesAThirdMachine(t *testing.T) {
	s := newLab(t, "e2e-kill")
	want := []string{s.cluster.Nodes[0].Name, s.cluster.Nodes[1].Name}
	for _, at := range []killPoint{
		{"step-changing", "image/present"},
		{"step-changing", "machine/exists"},
		{"step-changed", "machine/exists"},
		{"step-changing", "machine/disk"},
		{"step-changing", "machine/seed"},
		{"step-changing", "machine/started"},
		{"step-waiting", "machine/ready"},
		{"step-changing", "machine/host-key"},
		{"step-changing", "machine/seed-blanked"},
		{"step-started", "harden"},
	} {
		t.Run(at.kind+" "+at.step, func(t *testing.T) {
			s := s.on(t)
			s.killAt(at, "up")
			s.must(0, "up")
			got := s.vms()
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("machines %v, want %v", got, want)
			}
			s.must(0, "up", "--plan")
			s.must(0, "down", "--yes")
			if left := s.vms(); len(left) != 0 {
				t.Fatalf("left after down: %v", left)
			}
		})
	}
}

// killAt kills a command when it first tells of an event.
func (s *site) killAt(at killPoint, command string) {
	s.t.Helper()
	cmd, _, errs := s.start(command, "--output", "json")
	cmd.Stdout = nil
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var e struct{ Kind, Step string }
	for lines := bufio.NewScanner(out); (killPoint{e.Kind, e.Step}) != at && lines.Scan(); {
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			s.t.Errorf("an event is no JSON: %v: %s", err, lines.Text())
		}
	}
	// ip netns exec replaces itself by k3sedge, so this process is the right one.
	err = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait() // ended by the signal, which is the point
	if err != nil || (killPoint{e.Kind, e.Step}) != at {
		s.t.Fatalf("%s ended before it was killed at %v: %v\n%s", command, at, err, errs)
	}
}
