//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostKeyDiffers: somebody else answers at a node's address.
func hostKeyDiffers(t *testing.T, s *site) {
	name := s.cluster.Nodes[1].Name
	t.Run("trouble", func(t *testing.T) {
		s := s.on(t)
		known, err := os.ReadFile(filepath.Join(s.dir, ".k3sedge", "known_hosts"))
		if err != nil {
			t.Fatal(err)
		}
		other := strings.Fields(s.cluster.SSH.AuthorizedKeys[0])[1]
		lines := strings.Split(string(known), "\n")
		for i, line := range lines {
			if words := strings.Fields(line); len(words) > 2 && strings.HasPrefix(words[0], name+",") {
				lines[i] = strings.Replace(line, words[2], other, 1)
			}
		}
		s.replace(t, filepath.Join(".k3sedge", "known_hosts"), strings.Join(lines, "\n"))
		words := []string{name, "host key differs", "k3sedge trust " + name}
		s.trouble(1, 1, words, "up")
		s.trouble(4, 1, words, "up", "--plan")
		s.trouble(4, 1, words, "harden", "--check")
		s.trouble(1, 1, words, "harden")
	})
	s.mended()
}

// wrongKey: the nodes do not know the key that we log in with.
func wrongKey(t *testing.T, s *site) {
	t.Run("trouble", func(t *testing.T) {
		s := s.on(t)
		path := filepath.Join(s.dir, "id_other")
		cmd, out, errs := s.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
		if r := s.finish(cmd.Run(), out, errs); r.code != 0 {
			t.Fatal(r.stderr)
		}
		s.edit(t, `- \S+/id_ed25519`, "- "+path)
		words := []string{"edge-1", "edge-2", "authentication refused", "ssh.user", "ssh.identities", path}
		s.trouble(1, 2, words, "up", "--wait", "2s")
		s.trouble(4, 2, words, "up", "--plan")
		s.trouble(4, 2, words, "harden", "--check")
	})
	s.mended()
}

// noRoomOnNode: a folder of the node is full while it is changed.
func noRoomOnNode(t *testing.T, s *site) {
	const full = `sudo mount -t tmpfs -o size=64k tmpfs %s && sudo dd if=/dev/zero of=%[1]s/fill bs=64k count=1 status=none`
	for name, tc := range map[string]struct {
		breaks, folder, words string
		check                 int // of harden --check meanwhile
	}{
		"for what is needed to go back": {"sudo nft delete table inet k3sedge", "/var/lib/k3sedge", "nothing was changed", 3},
		"for the agent":                 {"sudo rm -r /usr/local/lib/k3sedge/*", "/usr/local/lib/k3sedge", "place the node agent", 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			s.onNode(0, tc.breaks)
			s.onNode(0, fmt.Sprintf(full, tc.folder))
			words := []string{"edge-1", tc.words, "o space left", "make room on edge-1", "df -h"}
			s.trouble(1, 1, words, "up")
			if tc.check == 4 {
				s.trouble(4, 1, words, "harden", "--check")
			} else {
				s.must(tc.check, "harden", "--check")
			}
			s.onNode(0, "sudo umount "+tc.folder)
			s.mended()
		})
	}
}

// cable pulls or plugs the cables of machines, by name.
func (s *site) cable(order string, names ...string) {
	s.t.Helper()
	status, err := s.lab.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		for _, m := range status.Machines {
			if m.Name != name {
				continue
			}
			if _, err := s.lab.Exec(s.t.Context(), "ip", "link", "set", "p-"+m.ID, order); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// machineHangs: one that was made long ago does not answer.
func machineHangs(t *testing.T, s *site) {
	name := s.cluster.Nodes[1].Name
	words := []string{name, "10.77.0.12:22"}
	s.cable("down", name)
	s.trouble(1, 1, append(words, "not ready within 2s", "qm terminal"), "up", "--wait", "2s")
	s.trouble(4, 1, words, "up", "--plan")
	s.cable("up", name)
	s.mended()
}

// neverBoots: nothing is ever heard of machines that Proxmox has started.
func neverBoots(t *testing.T, s *site) {
	cmd, out, errs := s.start("up", "--wait", "3s")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both machines are started", time.Minute, func() bool { return s.ports() == 2 })
	s.cable("down", "edge-1", "edge-2")
	s.told(s.finish(cmd.Wait(), out, errs), 2, []string{"edge-1", "edge-2", "not ready within 3s", "qm terminal"})
	s.cable("up", "edge-1", "edge-2")
	s.mended()
}

// ports are the cables of machines that are plugged in.
func (s *site) ports() int {
	s.t.Helper()
	links, err := s.lab.Exec(s.t.Context(), "ip", "-o", "link", "show", "up")
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Count(string(links), ": p-9")
}

// secondRunAndInterrupt: while one run is at work a second one is refused, and
// after one Ctrl-C the next run goes on.
func secondRunAndInterrupt(t *testing.T, s *site) {
	cmd, out, errs := s.start("up")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first run makes machines", time.Minute, func() bool {
		events, err := os.ReadFile(filepath.Join(s.dir, ".k3sedge", "run.jsonl"))
		return err == nil && strings.Contains(string(events), `"machine/exists","changes"`)
	})
	held := []string{fmt.Sprintf("another run is at work on this cluster: k3sedge up, process %d", cmd.Process.Pid), "Ctrl-C"}
	s.trouble(1, 1, held, "up")
	s.trouble(1, 1, held, "down", "--yes")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r := s.finish(cmd.Wait(), out, errs)
	s.told(r, 1, []string{"stopped between two steps, as asked", "k3sedge up goes on from here"})
	if r.code != 1 || !strings.Contains(r.stderr, "Ctrl-C again stops now") {
		t.Errorf("exit %d\n%s", r.code, r.stderr)
	}
	s.mended()
}
