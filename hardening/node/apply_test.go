package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestApplyMakesTheChangeAndWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done, err := Apply(t.Context(), w.host(), everything("tx1"))
	if err != nil || done != (facts.Applied{ID: "tx1", Deadline: 1_800_000_060}) {
		t.Fatalf("applied %+v, %v", done, err)
	}
	for path, want := range map[string]string{
		"/etc/ssh/sshd_config.d/00-k3sedge.conf":              "PasswordAuthentication no\n",
		"/etc/systemd/system/nftables.service.d/k3sedge.conf": "[Service]\nExecStop=\n",
		"/proc/sys/net/ipv4/ip_forward":                       "1\n",
		pendingFile:                                           `{"id":"tx1","deadline":1800000060}`,
	} {
		if have := w.read(t, path); have != want {
			t.Errorf("%s: %q", path, have)
		}
	}
	if w.exists("/etc/ssh/sshd_config.d/50-cloud-init.conf") || w.exists("/etc/nftables.d/k3sedge.nft") {
		t.Error("the file to put aside is there, or the ruleset is on disk before it is confirmed")
	}
	if w.table != newTable || !slices.Equal(w.reloads, []string{"ssh.service"}) {
		t.Errorf("table %q, reloads %q", w.table, w.reloads)
	}
	for name, want := range map[string]unit{
		nftablesUnit: {"enabled", "inactive"}, "rpcbind.service": {"masked", "inactive"}, "cups.service": {"disabled", "inactive"},
	} {
		if *w.units[name] != want {
			t.Errorf("%s: %v", name, *w.units[name])
		}
	}
	timer := strings.Join(w.timer, " ")
	if !strings.Contains(timer, "--on-active=60s") || !strings.HasSuffix(timer, agentFile+" rollback tx1") {
		t.Errorf("timer: %s", timer)
	}
	if info, err := os.Stat(filepath.Join(w.root, agentFile)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the kept agent: %v, %v", info, err)
	}
}

func TestConfirmKeepsTheChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustApply(t, w.host(), everything("tx1"))
	for range 2 {
		out, err := Confirm(t.Context(), w.host(), "tx1")
		if err != nil || out.Result != facts.Confirmed {
			t.Fatalf("confirm: %+v, %v", out, err)
		}
		w.disarmed(t)
	}
	if have := w.read(t, "/etc/nftables.d/k3sedge.nft"); have != tableScript(newTable) {
		t.Errorf("ruleset on disk: %q", have)
	}
	aside := asideDir + "/tx1/etc/ssh/sshd_config.d/50-cloud-init.conf"
	if have := w.read(t, aside); have != "PasswordAuthentication yes\n" {
		t.Errorf("put aside: %q", have)
	}
	after := w.state(t)
	out, err := Rollback(t.Context(), w.host(), "tx1")
	if err != nil || out.Result != facts.Confirmed {
		t.Errorf("a timer that fires late: %+v, %v", out, err)
	}
	w.same(t, after)
}

func TestConfirmRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	confirm := func(id string) error {
		_, err := Confirm(t.Context(), w.host(), id)
		return err
	}
	if err := confirm("tx1"); !errors.Is(err, ErrNotPending) {
		t.Errorf("nothing waits: %v", err)
	}
	mustApply(t, w.host(), everything("tx1"))
	if err := confirm("tx2"); !errors.Is(err, ErrNotPending) || !strings.Contains(fmt.Sprint(err), "tx1 is") {
		t.Errorf("another one waits: %v", err)
	}
	if err := confirm("../tx1"); err == nil {
		t.Error("an ID that is a path was taken")
	}
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	if err := confirm("tx1"); !errors.Is(err, ErrNotPending) || !strings.Contains(fmt.Sprint(err), "rolled back at 2027-01-15T08:00:00Z") {
		t.Errorf("rolled back: %v", err)
	}
}

func TestSecondApplyIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustApply(t, w.host(), everything("tx1"))
	before := w.state(t)
	if _, err := Apply(t.Context(), w.host(), everything("tx2")); !errors.Is(err, ErrPending) {
		t.Errorf("another one: %v", err)
	}
	again, err := Apply(t.Context(), w.host(), everything("tx1"))
	if err != nil || again.Deadline != 1_800_000_060 {
		t.Errorf("the same one again: %+v, %v", again, err)
	}
	w.same(t, before)
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(t.Context(), w.host(), everything("tx1")); err == nil || errors.Is(err, ErrPending) {
		t.Errorf("an ID that is used up: %v", err)
	}
}

func TestApplyWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	release, err := w.host().lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Apply(ctx, w.host(), everything("tx1")); !errors.Is(err, ErrPending) {
		t.Errorf("error: %v", err)
	}
	if _, err := Rollback(ctx, w.host(), "tx1"); !errors.Is(err, context.Canceled) {
		t.Errorf("rollback: %v", err)
	}
}

func TestTornPendingFile(t *testing.T) {
	t.Parallel()
	for name, torn := range map[string]string{"empty": "", "half": `{"id":"tx`, "no ID": `{}`, "a path": `{"id":"../.."}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.state(t)
			mustApply(t, w.host(), everything("tx1"))
			w.put(t, pendingFile, torn)
			if _, err := Apply(t.Context(), w.host(), everything("tx2")); !errors.Is(err, ErrPending) {
				t.Errorf("apply: %v", err)
			}
			if _, err := Confirm(t.Context(), w.host(), "tx1"); err == nil {
				t.Error("confirmed what cannot be read")
			}
			f := Collect(t.Context(), w.host(), facts.Request{})
			if f.Pending != nil || !hasProblem(f, "pending") {
				t.Errorf("facts: pending %v, problems %v", f.Pending, f.Problems)
			}
			out, err := Rollback(t.Context(), w.host(), "")
			if err != nil || out.ID != "tx1" || out.Result != facts.RolledBack {
				t.Fatalf("rollback: %+v, %v", out, err)
			}
			w.same(t, before)
			w.disarmed(t)
		})
	}
}

// A part that fails in the world, not in the agent, takes the host back too.
func TestApplyFailsInTheWorld(t *testing.T) {
	t.Parallel()
	for part, complaint := range map[string]string{
		"systemd-run": "no bus", "is-active": "inactive", "mask rpcbind": "exists", "try-reload-or-restart ssh": "job failed",
		"list tables": "no netlink", "daemon-reload": "no bus", "show": "no bus",
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.state(t)
			w.refuse[part] = complaint
			_, err := Apply(t.Context(), w.host(), everything("tx1"))
			var exit *exitError
			if !errors.As(err, &exit) || !strings.Contains(err.Error(), complaint) {
				t.Fatalf("error: %v", err)
			}
			w.same(t, before)
			w.disarmed(t)
		})
	}
}

func TestApplySaysBothErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	loads := 0
	h := w.host()
	h.Step = func(name string) error {
		if name == "sysctl net.ipv4.ip_forward" {
			return errInjected
		}
		if name == "restore table" {
			loads++
			return fmt.Errorf("attempt %d to restore", loads)
		}
		return nil
	}
	_, err := Apply(t.Context(), h, everything("tx1"))
	if !errors.Is(err, errInjected) || !strings.Contains(fmt.Sprint(err), "attempt 1 to restore") {
		t.Fatalf("error: %v", err)
	}
	if !w.exists(pendingFile) || w.timer == nil || !w.exists(bootUnitLink) {
		t.Fatal("the way back was taken away although it was not gone")
	}
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	w.same(t, before)
	w.disarmed(t)
}

func TestCancelTakesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	ctx, cancel := context.WithCancel(t.Context())
	h := w.host()
	h.Step = func(name string) error {
		if name == "load ruleset" {
			cancel()
		}
		return nil
	}
	if _, err := Apply(ctx, h, everything("tx1")); !errors.Is(err, context.Canceled) {
		t.Fatalf("error: %v", err)
	}
	w.same(t, before)
	w.disarmed(t)
}

func TestRollbackNotesWhatIsNotVital(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustApply(t, w.host(), everything("tx1"))
	w.refuse["unmask rpcbind"] = "read-only"
	out, err := Rollback(t.Context(), w.host(), "tx1")
	if err != nil || out.Result != facts.RolledBack || len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "read-only") {
		t.Errorf("outcome %+v, %v", out, err)
	}
	w.disarmed(t)
}

func TestRollbackAtBootMendsTheBoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustApply(t, w.host(), everything("tx1"))
	w.reboot(t)
	w.units["rpcbind.service"].active = "inactive"
	w.reloads = nil
	if _, err := Rollback(t.Context(), w.host(), ""); err != nil {
		t.Fatal(err)
	}
	if len(w.jobs) != 0 {
		t.Error("nftables.service, disabled again, is still started by this boot")
	}
	if w.units["rpcbind.service"].active != "active" || w.reloads != nil {
		t.Errorf("rpcbind %v, reloads %q", w.units["rpcbind.service"], w.reloads)
	}
	out, err := Rollback(t.Context(), w.host(), "")
	if err != nil || out.Result != facts.NothingChanged {
		t.Errorf("nothing waits any more: %+v, %v", out, err)
	}
}

func TestOnlyTheLastTransactionsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range keepTransactions + 3 {
		id := fmt.Sprintf("tx%d", i)
		mustApply(t, w.host(), everything(id))
		if _, err := Rollback(t.Context(), w.host(), id); err != nil {
			t.Fatal(err)
		}
	}
	names, err := os.ReadDir(filepath.Join(w.root, txDir))
	if err != nil || len(names) != keepTransactions {
		t.Errorf("%d kept, %v", len(names), err)
	}
	last := Collect(t.Context(), w.host(), facts.Request{}).Last
	if last == nil || last.ID != fmt.Sprintf("tx%d", keepTransactions+2) || last.Result != facts.RolledBack {
		t.Errorf("last: %+v", last)
	}
}

func TestLinksAreRestoredAsLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link(t, "../sysctl.conf", "/etc/sysctl.d/90-k3sedge.conf")
	before := w.state(t)
	mustApply(t, w.host(), everything("tx1"))
	if have := w.read(t, "/etc/sysctl.d/90-k3sedge.conf"); have != "net.ipv4.ip_forward = 1\n" {
		t.Errorf("written through the link: %q", have)
	}
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	w.same(t, before)
}

// A way back that the system will not run is none: /var may be mounted noexec.
func TestApplyRefusesWhereTheKeptAgentCannotRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.noexec = true
	before := w.state(t)
	_, err := Apply(t.Context(), w.host(), everything("tx1"))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(fmt.Sprint(err), agentFile) {
		t.Errorf("error: %v", err)
	}
	w.same(t, before)
	w.disarmed(t)
}

// Only a transaction is in the way; a lock that cannot be had for another
// reason must not read as one, or the user waits for nothing.
func TestApplyWithoutALockIsNoPendingTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, StateDir, "not a folder")
	if _, err := Apply(t.Context(), w.host(), everything("tx1")); err == nil || errors.Is(err, ErrPending) {
		t.Errorf("error: %v", err)
	}
}
