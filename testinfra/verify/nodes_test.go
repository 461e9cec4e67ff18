package verify

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

func TestLoginsTakeThePinnedKeyOnly(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	r.cluster.SSH.Port, r.cluster.SSH.Identities = 2222, []string{"/keys/mine"}
	argv := r.sshArgs(r.cluster.Nodes[0], "admin", r.sshOptions(r.cluster.SSH.Identities...), "true")
	line := strings.Join(argv, " ")
	for _, want := range []string{"StrictHostKeyChecking=yes", "UserKnownHostsFile=" + r.site.Project + "/.k3sedge/known_hosts", "HostKeyAlias=edge-1", "-i /keys/mine", "-p 2222 admin@10.77.0.11 -- true"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is not in %s", want, line)
		}
	}
	r.cluster.SSH.Jump = &inventory.Jump{Address: "jump.lan:2200", User: "me"}
	argv = r.sshArgs(r.cluster.Nodes[0], "admin", nil, "true")
	i := slices.IndexFunc(argv, func(a string) bool { return strings.HasPrefix(a, "ProxyCommand=") })
	if i < 0 || !strings.Contains(argv[i], "HostKeyAlias=ssh.jump") || !strings.Contains(argv[i], "me@jump.lan") || !strings.Contains(argv[i], "2200") {
		t.Errorf("%q", argv)
	}
}

func TestHowACommandEnds(t *testing.T) {
	t.Parallel()
	o, err := run(t.Context(), Here, []byte("in"), "sh", "-c", "cat; echo words >&2; exit 3")
	if err != nil || o != (output{3, "in", "words\n"}) {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := run(t.Context(), Here, nil, "/nowhere/program"); err == nil {
		t.Error("a program that is not there ran")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("nobody waits any more")
	cancel(gone)
	if _, err := run(ctx, Here, nil, "sleep", "60"); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	none := errors.New("no such place")
	nowhere := func(context.Context, ...string) (*exec.Cmd, error) { return nil, none }
	if _, err := run(t.Context(), nowhere, nil, "true"); !errors.Is(err, none) {
		t.Errorf("%v", err)
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	tries := 0
	if err := r.await(t.Context(), converge.Wait{What: "the second try", Limit: time.Minute}, func() (bool, error) { tries++; return tries == 2, nil }); err != nil || tries != 2 {
		t.Errorf("%d, %v", tries, err)
	}
	err := r.await(t.Context(), converge.Wait{What: "never", Limit: time.Millisecond}, func() (bool, error) { return false, nil })
	if err == nil || err.Error() != "wait for never: not within 1ms" {
		t.Errorf("%v", err)
	}
	if long := tail(strings.Repeat("é", 2000)); len(long) > 1510 || !strings.HasPrefix(long, "…") {
		t.Errorf("%d: %.10s", len(long), long)
	}
}

func TestARestartIsWaitedFor(t *testing.T) {
	t.Parallel()
	r, f := newRun(t, answer{holds: "reboot", stdout: "a-boot\n"}, answer{holds: "boot_id", stdout: "another-boot\nrunning\n"}, answer{holds: "status", code: 0})
	r.site.Disruptive = true
	r.verdict(t, "reboot-all-and-again", Kept, "")
	if !r.restart || r.seen.machines.done || len(f.asked) != 5 {
		t.Errorf("restarted %v, remembered %v: %q", r.restart, r.seen.machines.done, f.asked)
	}
	f.answers[0].stdout = ""
	r.verdict(t, "reboot-all-and-again", Broken, "did not tell in which boot it is")
}

// dead is a switch that says what was asked of it.
type dead struct{ asked []string }

func (d *dead) Off(_ context.Context, node string) error {
	d.asked = append(d.asked, "off "+node)
	return nil
}

func (d *dead) On(_ context.Context, node string) error {
	d.asked = append(d.asked, "on "+node)
	return nil
}
