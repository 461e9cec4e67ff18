package ssh

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// states keeps what OnState was told; it is called by the waiter alone.
type states struct {
	seen []machine.State
	do   map[machine.State]func() // what happens when a state is seen first
}

func (s *states) tell(_ context.Context, state machine.State, lasting time.Duration, err error) {
	if err == nil || lasting < 0 {
		panic("a state without its error, or a clock that runs back")
	}
	if !slices.Contains(s.seen, state) {
		s.seen = append(s.seen, state)
		if do := s.do[state]; do != nil {
			do()
		}
	}
}

const (
	running = `{"status": "running", "detail": "DataSourceNoCloud", "errors": []}`
	done    = `{"status": "done", "detail": "DataSourceNoCloud", "errors": []}`
	failed  = `{"status": "error", "detail": "", "errors": ["('locale', RuntimeError('no such locale'))"]}`
)

func TestWaitReadyGoesThroughTheStates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.RefuseLogins(2)
	r.server.CloudInit(running, 0)
	s := states{do: map[machine.State]func(){
		// A reboot in the middle of cloud-init: the wait starts over.
		machine.CloudInit: func() {
			r.server.CloudInit(done, 0)
			r.server.Drop()
		},
	}}
	r.cfg.OnState = s.tell
	if err := r.host(t, quick()).WaitReady(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if len(s.seen) < 2 || s.seen[0] != machine.AuthRefused || s.seen[1] != machine.CloudInit {
		t.Errorf("seen %q", s.seen)
	}
	if last := s.seen[len(s.seen)-1]; last == machine.SudoPassword {
		t.Errorf("seen %q", s.seen)
	}
}

func TestWaitReadyEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		arrange func(*rig)
		pace    func(*pace)
		state   machine.State
		words   []string
	}{
		"another host key":         {func(r *rig) { r.server.ChangeHostKey() }, nil, machine.HostKeyDiffers, []string{"k3sedge trust edge-1"}},
		"nothing pinned":           {func(r *rig) { r.cfg.Pins = nil }, nil, machine.HostKeyUnknown, nil},
		"no key":                   {func(r *rig) { r.cfg.Auth = nil }, nil, machine.NoIdentity, nil},
		"sudo password":            {func(r *rig) { r.server.SudoPassword(true) }, nil, machine.SudoPassword, []string{"admin ALL=(ALL) NOPASSWD:ALL"}},
		"cloud-init failed":        {func(r *rig) { r.server.CloudInit(failed, 1) }, nil, machine.CloudInit, []string{"no such locale", "cloud-init-output.log"}},
		"refused for long enough":  {func(r *rig) { r.server.RefuseLogins(1) }, func(p *pace) { p.auth = 0 }, machine.AuthRefused, nil},
		"cloud-init is unreadable": {func(r *rig) { r.server.CloudInit("usage: cloud-init", 2) }, nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tc.arrange(&r)
			p := quick()
			if tc.pace != nil {
				tc.pace(&p)
			}
			var s states
			r.cfg.OnState = s.tell
			err := r.host(t, p).WaitReady(t.Context(), time.Hour)
			if tc.state == "" && err != nil && machine.StateOf(err) == "" {
				return
			}
			wantState(t, err, tc.state, tc.words...)
			if opened, _ := r.server.Connections(); opened > 1 || len(s.seen) != 1 {
				t.Errorf("%d connections, states %q", opened, s.seen)
			}
		})
	}
}

// TestWaitReadyAsksNothingOfCloudInitThatIsOff: it would take long to say so.
func TestWaitReadyAsksNothingOfCloudInitThatIsOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.CloudInit(running, 0)
	r.server.CloudInitOff()
	if err := r.host(t, quick()).WaitReady(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(r.server.Commands(), "\n"); strings.Contains(all, "cloud-init status") || !strings.Contains(all, "cloud-init.disabled") {
		t.Errorf("asked\n%s", all)
	}
}

func TestWaitReadyWithoutCloudInit(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		text string
		code int
	}{
		"not installed": {"", 127},
		"disabled":      {`{"status": "disabled"}`, 0},
		"degraded":      {`{"status": "done", "extended_status": "degraded done"}`, 2},
	} {
		r := newRig(t)
		r.server.CloudInit(answer.text, answer.code)
		if err := r.host(t, quick()).WaitReady(t.Context(), time.Minute); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWaitReadyGivesUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.Close()
	p := quick()
	// The limit falls into this pause, which must not be waited out.
	p.retry = func(machine.State, int) time.Duration { return time.Hour }
	err := r.host(t, p).WaitReady(t.Context(), 50*time.Millisecond)
	wantState(t, err, machine.Refused, "not ready within 50ms", "systemctl status ssh")
}

func TestWaitReadyGivesUpWithinAnAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.Hang(true)
	err := r.host(t, defaultPace()).WaitReady(t.Context(), 50*time.Millisecond)
	wantState(t, err, machine.Timeout, "not ready within 50ms")
}

func TestWaitReadyCancelled(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(*rig){
		"in an attempt": func(r *rig) { r.server.Hang(true) },
		"in a pause":    func(r *rig) { r.server.RefuseLogins(1 << 30) },
	} {
		r := newRig(t)
		arrange(&r)
		p := defaultPace()
		p.retry = func(machine.State, int) time.Duration { return time.Hour }
		h := r.host(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.WaitReady(ctx, time.Hour) }()
		sshtest.Eventually(t, "the server is reached", func() bool {
			opened, _ := r.server.Connections()
			return opened == 1
		})
		cancel()
		if err := sshtest.Promptly(t, func() error { return <-ended }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRetryPause(t *testing.T) {
	t.Parallel()
	const penalty, shutOut = 5 * time.Second, 15 * time.Second
	var owed time.Duration
	for try := 1; try < 50; try++ {
		pause := retryPause(machine.AuthRefused, try)
		if pause < 2*time.Second {
			t.Fatalf("pause %d is %s", try, pause)
		}
		if owed += penalty; owed >= shutOut {
			t.Fatalf("after %d logins sshd shuts us out", try)
		}
		owed = max(0, owed-pause)
	}
	for try := 0; try < 50; try++ {
		if pause := retryPause(machine.Refused, try); pause < 250*time.Millisecond || pause > 2*time.Second {
			t.Errorf("pause %d is %s", try, pause)
		}
	}
}

func TestJudgeCloudInit(t *testing.T) {
	t.Parallel()
	exit := func(code int) error { return &machine.ExitError{Command: "cloud-init", Code: code} }
	lost := &machine.UnreachableError{State: machine.Lost}
	for name, tc := range map[string]struct {
		answer string
		err    error
		want   error // nil: done
	}{
		"done":             {done, nil, nil},
		"running":          {running, nil, errCloudInitRunning},
		"not started":      {`{"status": "not started"}`, nil, errCloudInitRunning},
		"not run":          {`{"status": "not run"}`, nil, errCloudInitRunning},
		"no status at all": {`{}`, nil, errCloudInitRunning},
		"error":            {failed, exit(1), errCloudInit},
		"could not ask":    {"", lost, lost},
		"no answer":        {"", exit(1), exit(1)},
		"empty answer":     {"", nil, errors.New("any")},
	} {
		err := judgeCloudInit([]byte(tc.answer), tc.err)
		var code *machine.ExitError
		switch {
		case (err == nil) != (tc.want == nil):
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		case errors.As(tc.want, &code):
			if !errors.As(err, &code) {
				t.Errorf("%s: %v has lost the exit code", name, err)
			}
		case name != "empty answer" && !errors.Is(err, tc.want):
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}
