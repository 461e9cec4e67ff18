package ssh

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// newJumpRig makes a host behind a jump host, and returns the latter's server.
func newJumpRig(t *testing.T) (rig, *sshtest.Server) {
	t.Helper()
	target, jump := newRig(t), newRig(t)
	jump.cfg.Name = "jump"
	set(t, jump.cfg.Pins, "jump", jump.server.Address, jump.server.HostKey())
	target.cfg.Jump = &jump.cfg
	return target, jump.server
}

func TestJumpHost(t *testing.T) {
	t.Parallel()
	r, jump := newJumpRig(t)
	h := r.host(t, quick())
	out, err := h.Run(t.Context(), command("echo", "through"))
	if err != nil || string(out.Stdout) != "through\n" {
		t.Fatalf("got %q, %v", out.Stdout, err)
	}
	if err := h.WriteFile(t.Context(), machine.File{Path: t.TempDir() + "/file", Content: make([]byte, 1<<20), Mode: 0o600}); err != nil {
		t.Error(err)
	}
	second, err := h.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if opened, _ := jump.Connections(); opened != 2 {
		t.Errorf("%d connections to the jump host, want one for each of two", opened)
	}
	if got := jump.Commands(); len(got) != 0 {
		t.Errorf("the jump host ran %q", got)
	}
	key, _, err := h.OfferedKey(t.Context())
	if err != nil || key != r.server.HostKey() {
		t.Errorf("offered %q, %v", key, err)
	}
	if err := errors.Join(h.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	sshtest.Eventually(t, "every connection is closed", func() bool { return jump.Open() == 0 && r.server.Open() == 0 })
}

func TestJumpHostInTrouble(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		arrange func(r rig, jump *sshtest.Server)
		state   machine.State
		words   []string
	}{
		"another key of the jump host":                       {func(_ rig, j *sshtest.Server) { j.ChangeHostKey() }, machine.HostKeyDiffers, []string{"jump host jump", "k3sedge trust jump"}},
		"another key of a jump host that stands in the file": {func(r rig, j *sshtest.Server) { r.cfg.Jump.Section = "ssh.jump"; j.ChangeHostKey() }, machine.HostKeyDiffers, []string{"put its key into ssh.jump.hostKey;"}},
		"a jump host in the file that refuses the login":     {func(r rig, j *sshtest.Server) { r.cfg.Jump.Section = "ssh.jump"; j.RefuseLogins(1) }, machine.AuthRefused, []string{"check ssh.jump.user"}},
		"another key of the host":                            {func(r rig, _ *sshtest.Server) { r.server.ChangeHostKey() }, machine.HostKeyDiffers, []string{"k3sedge trust edge-1"}},
		"the jump host is down":                              {func(_ rig, j *sshtest.Server) { j.Close() }, machine.Refused, []string{"jump host jump"}},
		"the host is down":                                   {func(r rig, _ *sshtest.Server) { r.server.Close() }, machine.NoRoute, nil},
		"it forwards nothing":                                {func(_ rig, j *sshtest.Server) { j.RefuseForwarding(true) }, machine.NoRoute, []string{"prohibited"}},
		"it refuses the login":                               {func(_ rig, j *sshtest.Server) { j.RefuseLogins(1) }, machine.AuthRefused, []string{"jump host jump"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, jump := newJumpRig(t)
			tc.arrange(r, jump)
			wantState(t, r.host(t, quick()).Connect(t.Context()), tc.state, tc.words...)
		})
	}
}

func TestJumpHostThatIsLost(t *testing.T) {
	t.Parallel()
	r, jump := newJumpRig(t)
	h := r.host(t, quick())
	ended := start(t, r, h)
	jump.Drop()
	wantState(t, sshtest.Promptly(t, func() error { return <-ended }), machine.Lost)
	if _, err := h.Run(t.Context(), command("true")); err != nil {
		t.Error(err)
	}
}

// The library cannot end a handshake through a jump host that is silent.
func TestCancelThroughSilentJumpHost(t *testing.T) {
	t.Parallel()
	r, jump := newJumpRig(t)
	r.server.Hang(true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := r.host(t, defaultPace())
	ended := make(chan error, 1)
	go func() { ended <- h.Connect(ctx) }()
	sshtest.Eventually(t, "the host is reached", func() bool {
		opened, _ := r.server.Connections()
		return opened == 1
	})
	jump.Freeze(true)
	cancel()
	if err := sshtest.Promptly(t, func() error { return <-ended }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestJumpHostIsWaitedFor(t *testing.T) {
	t.Parallel()
	r, jump := newJumpRig(t)
	jump.RefuseLogins(2)
	if err := r.host(t, quick()).WaitReady(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
}
