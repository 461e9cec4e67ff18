package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sshd ends itself when it finds, after a reload, that it cannot follow its
// new configuration. The old one is of no use to a daemon that does not run.
func TestRollbackStartsAnSSHDThatTheChangeEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustApply(t, w.host(), everything("tx1"))
	w.units["ssh.service"].active = "failed"
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	if have := w.units["ssh.service"].active; have != "active" {
		t.Errorf("ssh.service is %s", have)
	}
}

// Whoever is told that the host went back must be able to log in to it.
func TestRollbackIsNotOverWhileSSHDIsNotBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	mustApply(t, w.host(), everything("tx1"))
	w.units["ssh.service"].active = "failed"
	w.refuse["reload-or-restart ssh.service"] = "Job for ssh.service failed."
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err == nil || !w.exists(pendingFile) {
		t.Fatalf("error %v; pending %t", err, w.exists(pendingFile))
	}
	if w.table != oldTable || w.units["rpcbind.service"].active != "active" {
		t.Error("sshd held up the others")
	}
	delete(w.refuse, "reload-or-restart ssh.service")
	out, err := Rollback(t.Context(), w.host(), "tx1")
	if err != nil || out.Result != facts.RolledBack {
		t.Fatalf("the next attempt: %+v, %v", out, err)
	}
	w.same(t, before)
	w.disarmed(t)
}

func TestRollbackStartsNoSSHDThatDidNotRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.units["ssh.service"].active = "inactive" // behind ssh.socket
	mustApply(t, w.host(), everything("tx1"))
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	if have := w.units["ssh.service"].active; have != "inactive" {
		t.Errorf("ssh.service is %s", have)
	}
}

// The kernel takes back some settings, such as kernel.kexec_load_disabled, only
// when it starts anew: that is told, and holds up nothing.
func TestRollbackTellsWhatWaitsForARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const key, oneWay = "kernel.kexec_load_disabled", "/proc/self/oom_score_adj" // which refuses what is no score, with the same error
	w.link(t, oneWay, procSys+sysctlPath(key))
	r := restore{host: w.host(), sameBoot: true}
	r.sysctls(saved{Sysctls: map[string]string{key: "5000", "net.ipv4.ip_forward": "0"}})
	if len(r.notes) != 1 || !strings.Contains(r.notes[0], key) || !strings.Contains(r.notes[0], "next start") {
		t.Errorf("notes %q", r.notes)
	}
}

// A table that does not load must not keep sshd from its old configuration.
func TestRollbackBringsBackWhatItCan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	mustApply(t, w.host(), everything("tx1"))
	w.reloads = nil
	w.refuse["nft -f -"] = "Error: Could not process rule"
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err == nil {
		t.Fatal("the table did not come back, and nobody was told")
	}
	if !slices.Contains(w.reloads, "ssh.service") || !w.exists(pendingFile) {
		t.Errorf("reloaded %q; pending %t", w.reloads, w.exists(pendingFile))
	}
	delete(w.refuse, "nft -f -")
	out, err := Rollback(t.Context(), w.host(), "tx1")
	if err != nil || out.Result != facts.RolledBack {
		t.Fatalf("the next attempt: %+v, %v", out, err)
	}
	w.same(t, before)
	w.disarmed(t)
}
