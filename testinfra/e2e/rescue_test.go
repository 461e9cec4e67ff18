//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision"
)

// sabotage makes every reload of sshd toggle a table that lets nobody in, and
// the timer of the way back fail: the machine is dead to its network and stays
// so, whatever it does by itself. Only another reload lets us in again.
const sabotage = `sudo sh -ec '
cd /etc/systemd/system; mkdir -p k3sedge-rollback.service.d ssh.service.d
printf "[Service]\nExecStartPre=/bin/false\n" > k3sedge-rollback.service.d/e2e.conf
printf "add table inet e2e\nadd chain inet e2e in { type filter hook input priority -300; policy drop; }\n" > /root/e2e.nft
printf "#!/bin/sh\nnft delete table inet e2e 2>/dev/null || nft -f /root/e2e.nft\n" > /root/e2e.sh; chmod 700 /root/e2e.sh
printf "[Service]\nExecReload=/root/e2e.sh\n" > ssh.service.d/e2e.conf
systemctl daemon-reload
rm /etc/ssh/sshd_config.d/00-k3sedge.conf'`

// repair takes the sabotage away.
const repair = `sudo sh -ec 'cd /etc/systemd/system; rm -r k3sedge-rollback.service.d ssh.service.d /root/e2e.*; systemctl daemon-reload'`

// TestRescue kills SSH by a change that the machine cannot take back, and
// wants it taken back past the network.
func TestRescue(t *testing.T) {
	s := newLab(t, "e2e-rescue")
	s.must(0, "up")
	snapshots := slices.DeleteFunc(s.writes(), func(w string) bool { return !strings.Contains(w, "/snapshot") })
	slices.Sort(snapshots)
	const path = " /nodes/pve/qemu/"
	if want := []string{
		"DELETE" + path + "9000/snapshot/k3sedge-before-harden", "DELETE" + path + "9001/snapshot/k3sedge-before-harden",
		"POST" + path + "9000/snapshot", "POST" + path + "9001/snapshot",
	}; !slices.Equal(snapshots, want) {
		t.Errorf("snapshots of the first hardening: %v, want %v", snapshots, want)
	}
	t.Run("two runs at once", func(t *testing.T) { twoAtOnce(t, s.on(t)) })
	t.Run("algorithms", func(t *testing.T) { algorithms(t, s.on(t)) })
	t.Run("connection cut", func(t *testing.T) { connectionCut(t, s.on(t)) })
	t.Run("rescue", func(t *testing.T) { rescue(t, s.on(t)) })
}

func rescue(t *testing.T, s *site) {
	s.onNode(0, sabotage)
	said, err := s.inside("TestInsideRescue")
	t.Log(said, err)
	if !strings.Contains(said, "run in it from outside, has taken the change back: it lets you in again") {
		t.Error("the rescue is not told")
	}
	s.onNode(0, repair)
	r := s.must(0, "harden")
	if !strings.Contains(r.stderr, "was rolled back at") {
		t.Errorf("the next run does not say how the last change ended:\n%s", r.stderr)
	}
	s.must(0, "harden", "--check")
	s.must(0, "up", "--plan")
}

// inside runs a test of this package in the lab's LAN, with the project.
func (s *site) inside(name string) (output string, err error) {
	s.t.Helper()
	cmd, out, errs := s.command(os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(cmd.Env, insideProject+"="+s.dir)
	err = cmd.Run()
	return out.String() + errs.String(), err
}

// TestInsideRescue is the part of TestRescue that needs the operator's
// address, and a window that is short: a change that is not to be kept.
func TestInsideRescue(t *testing.T) {
	dir := os.Getenv(insideProject)
	if dir == "" {
		t.Skip("is run by TestRescue, inside the lab's LAN")
	}
	h := dialEdge(t, dir)
	p := shortPolicy(t, dir, 15*time.Second)
	p.Client = func() facts.Algorithms { return facts.Algorithms(h.Algorithms()) }
	err := hardening.NewStep(p).Apply(t.Context(), h)
	if err == nil {
		t.Fatal("the change is kept")
	}
	t.Log(err)
}

// shortPolicy is what the first node of a project shall hold, with Proxmox to
// rescue it and a window of its own.
func shortPolicy(t *testing.T, dir string, window time.Duration) hardening.Policy {
	t.Helper()
	project, err := inventory.Load(filepath.Join(dir, "k3sedge.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := project.Cluster
	p, err := hardening.NewPolicy(c, c.Nodes[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := c.Provider.Proxmox.Token.Secret.Resolve(t.Context(), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	px, err := provision.NewProxmox(provision.Config{Cluster: c, Token: secret, StateDir: filepath.Join(dir, ".k3sedge")})
	if err != nil {
		t.Fatal(err)
	}
	p.Window, p.Rescue = window, px.Rescue(c.Nodes[0])
	p.Excuse(c.Waivers, time.Now())
	return p
}
