package hardening

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

type silent struct{}

func (silent) Report(converge.Event) {}

func run(t *testing.T, h *fakeHost, p Policy) (converge.Result, error) {
	t.Helper()
	stage := converge.Stage{Name: "harden", Tracks: []converge.Track{converge.Bind[Looker, Changer](p.Node, h, h, NewStep(p))}}
	return converge.Run(t.Context(), nil, silent{}, stage)
}

func TestAStockMachineIsHardenedOnce(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, stock(t, p))
	h.after = hardened(t, p)
	if res, err := run(t, h, p); err != nil || res.Changed != 1 {
		t.Fatalf("first run: %+v, %v", res, err)
	}
	h.wantCalls("facts /agent-amd64", "facts /agent-amd64", "apply", "redial", "sudo", "facts /agent-amd64", "confirm", "/", "facts /agent-amd64")
	if h.open != 0 {
		t.Errorf("%d sessions left open", h.open)
	}
	h.calls = nil
	if res, err := run(t, h, p); err != nil || res.Holds != 1 {
		t.Errorf("second run: %+v, %v", res, err)
	}
	h.wantCalls("facts /agent-amd64")
}

// The real find has to understand the command: it is run on a folder as it may be left.
func TestOldAgentsAndTornUploadsAreSweptAway(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, stock(t, p))
	h.after = hardened(t, p)
	if _, err := run(t, h, p); err != nil {
		t.Fatal(err)
	}
	dir, old := t.TempDir(), time.Now().Add(-2*time.Hour)
	for name, at := range map[string]time.Time{
		"agent-amd64": old, "k3sedge-node-abc": old, ".k3sedge.abcdefghij": old, ".k3sedge.0123456789": time.Now(), "mine": old, ".k3sedge.x": old,
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	argv := slices.Clone(h.swept)
	argv[1] = dir // the fake agent stands in /
	if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	left, err := os.ReadDir(dir)
	if names := fmt.Sprint(left); names != "[- .k3sedge.0123456789 - .k3sedge.x - agent-amd64 - mine]" || err != nil {
		t.Errorf("left %s, %v", names, err)
	}
}

func TestAStepThatOnlyLooksNamesEveryFailingControl(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, stock(t, p))
	changes, err := NewStep(p).Check(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	var ids, want []string
	for _, c := range changes {
		ids = append(ids, c.ID)
		if c.Have == "" || c.Want == "" {
			t.Errorf("%s: have %q, want %q", c.ID, c.Have, c.Want)
		}
	}
	for _, f := range Judge(stock(t, p), p).With(Fail) {
		if f.Kept {
			want = append(want, f.ID)
		}
	}
	if !slices.Equal(ids, want) || !slices.Contains(ids, "SSH-01") || !slices.Contains(ids, "FW-01") || !slices.Contains(ids, "KRN-01") {
		t.Errorf("failing controls: %q, wanted %q", ids, want)
	}
	h.wantCalls("facts /agent-amd64")
}

func TestWhatCannotBeJudgedIsNeitherHeldNorChanged(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := stock(t, p)
	f.SSHD = nil
	f.Problems = []facts.Problem{{Part: "sshd", Error: "no sshd"}}
	h := newHost(t, f)
	_, err := NewStep(p).Check(t.Context(), h)
	if !errors.Is(err, ErrUnknown) || hintOf(err) == "" || strings.Count(err.Error(), "no sshd") != 1 {
		t.Errorf("check: %v", err)
	}
	if err := NewStep(p).Apply(t.Context(), h); !errors.Is(err, ErrUnknown) {
		t.Errorf("apply: %v", err)
	}
	if h.count("apply") != 0 {
		t.Error("a host that could not be judged was changed")
	}
}

func TestTheProofIsTriedAgainUntilItSucceeds(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, stock(t, p))
	h.after = hardened(t, p)
	h.redial = func(attempt int) error {
		if attempt < 3 {
			return &machine.UnreachableError{Address: "10.0.0.11", State: machine.Refused}
		}
		return nil
	}
	if err := NewStep(p).Apply(t.Context(), h); err != nil || h.redials != 3 {
		t.Errorf("%v after %d attempts", err, h.redials)
	}
}

// The state says it all: the dialler's own words would say it twice more.
func TestTheWaitForTheProofNamesTheState(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Window = 50 * time.Millisecond
	h := newHost(t, stock(t, p))
	h.after = hardened(t, p)
	h.redial = func(int) error {
		return &machine.UnreachableError{Address: "10.0.0.11:22", State: machine.Refused, Err: errors.New("dial tcp 10.0.0.11:22: connect: connection refused")}
	}
	err := NewStep(p).Apply(t.Context(), h)
	if err == nil || strings.Count(err.Error(), "connection refused") != 1 || !strings.Contains(err.Error(), "login to node-1 (connection refused)") {
		t.Errorf("error %v", err)
	}
}

func TestANodeThatCannotBeReachedIsToldWithoutTheCommand(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	lost := &machine.UnreachableError{Address: "10.0.0.11:22", State: machine.Lost, Err: errors.New("reset")}
	hinted := machine.WithHint(lost, "look at node-1")
	words := func(err error) error { return fmt.Errorf("run /usr/bin/env /agent-amd64 facts on node-1: %w", err) }
	exit := &machine.ExitError{Command: "/agent-amd64 facts", Code: 1, Stderr: "no"}
	for _, tt := range []struct {
		err        error
		want, hint string
	}{
		{words(hinted), "10.0.0.11:22: connection lost: reset", "look at node-1"},
		{words(fmt.Errorf("reach node-1 through jump: %w", hinted)), "reach node-1 through jump: 10.0.0.11:22: connection lost: reset", "look at node-1"},
		{hinted, "10.0.0.11:22: connection lost: reset", "look at node-1"},
		{lost, "10.0.0.11:22: connection lost: reset", ""},
		{exit, "ask for facts: /agent-amd64 facts: exit 1: no", ""},
	} {
		h := newHost(t, stock(t, p))
		h.queryErr = tt.err
		_, err := Audit(t.Context(), h, p)
		if err == nil || err.Error() != tt.want || hintOf(err) != tt.hint || !errors.Is(err, lost) && tt.err != exit {
			t.Errorf("%v: error %v, hint %q", tt.err, err, hintOf(err))
		}
	}
}

func TestWithoutProofNothingIsConfirmed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		setup func(h *fakeHost)
		want  error
		hint  string
	}{
		{"locked out", func(h *fakeHost) {
			h.redial = func(int) error { return &machine.UnreachableError{State: machine.Timeout} }
		}, ErrNotProven, console},
		{"host key differs", func(h *fakeHost) {
			h.redial = func(int) error { return &machine.UnreachableError{State: machine.HostKeyDiffers} }
		}, ErrNotProven, console},
		{"went back", func(h *fakeHost) { h.onRedial = func() { h.now.Pending = nil } }, ErrWentBack, "k3sedge harden"},
		{"restarted", func(h *fakeHost) { h.onRedial = func() { h.now.System.BootID = "boot-2" } }, ErrWentBack, "k3sedge harden"},
		{"another's change", func(h *fakeHost) { h.onRedial = func() { h.now.Pending.ID = "other" } }, ErrWentBack, "k3sedge harden"},
		{"agent gone", func(h *fakeHost) { h.onRedial = func() { h.placed = nil } }, ErrNotProven, console},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := testPolicy(t)
			if errors.Is(tt.want, ErrNotProven) {
				p.Window = 50 * time.Millisecond // it is waited for to its end
			}
			h := newHost(t, stock(t, p))
			h.after = hardened(t, p)
			tt.setup(h)
			err := NewStep(p).Apply(t.Context(), h)
			if !errors.Is(err, tt.want) || !strings.Contains(hintOf(err), tt.hint) {
				t.Errorf("error %v, hint %q", err, hintOf(err))
			}
			if h.count("confirm") != 0 || h.open != 0 {
				t.Errorf("confirmed %d times, %d sessions left open", h.count("confirm"), h.open)
			}
		})
	}
}

func TestWhatTheAgentRefusesIsTold(t *testing.T) {
	t.Parallel()
	exit := func(code int) error {
		return &machine.ExitError{Command: "apply", Code: code, Stderr: "sshd -t: line 3"}
	}
	tests := []struct {
		name  string
		setup func(h *fakeHost)
		want  error
		text  string
	}{
		{"another is pending", func(h *fakeHost) { h.applyErr = exit(5) }, nil, "another change"},
		{"full disk", func(h *fakeHost) {
			h.applyErr = &machine.ExitError{Command: "apply", Code: 1, Stderr: "write /var/lib/k3sedge/x: no space left on device"}
		}, nil, "df -h"},
		{"invalid", func(h *fakeHost) { h.applyErr = exit(1) }, nil, "--check"},
		{"lost for good", func(h *fakeHost) {
			h.applyErr = &machine.UnreachableError{State: machine.Lost}
			h.redial = func(int) error { return &machine.UnreachableError{State: machine.HostKeyUnknown} }
		}, ErrNotProven, console},
		{"lost, then refused", func(h *fakeHost) {
			h.applyErr = &machine.UnreachableError{State: machine.Lost}
			h.onRedial = func() { h.applyErr = exit(1) }
		}, nil, "refused it or took it back"},
		{"cancelled", func(h *fakeHost) { h.applyErr = context.Canceled }, context.Canceled, "takes back by itself at"},
		{"nonsense", func(h *fakeHost) { h.answer = "hello" }, nil, "goes back by itself at"},
		{"confirmed too late", func(h *fakeHost) { h.confirmErr = exit(6) }, ErrWentBack, "run `k3sedge harden` again"},
		{"confirm too late", func(h *fakeHost) {
			h.confirmErr = exit(1)
			h.ended = facts.RolledBack
		}, ErrWentBack, "run `k3sedge harden` again"},
		{"nobody knows", func(h *fakeHost) {
			h.confirmErr = &machine.UnreachableError{State: machine.Lost}
			h.redial = func(attempt int) error {
				if attempt > 1 {
					return h.confirmErr
				}
				return nil
			}
		}, nil, console},
		{"confirm fails", func(h *fakeHost) { h.confirmErr = exit(1) }, nil, "goes back by itself at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := testPolicy(t)
			p.Window = time.Second
			h := newHost(t, stock(t, p))
			h.after = hardened(t, p)
			tt.setup(h)
			err := NewStep(p).Apply(t.Context(), h)
			if err == nil || !strings.Contains(hintOf(err), tt.text) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, hint %q", err, hintOf(err))
			}
		})
	}
}

func TestALostAnswerToAConfirmationIsAskedFor(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, stock(t, p))
	h.after = hardened(t, p)
	h.confirmErr, h.ended = &machine.UnreachableError{State: machine.Lost}, facts.Confirmed
	if err := NewStep(p).Apply(t.Context(), h); err != nil || h.open != 0 {
		t.Errorf("error %v, %d sessions left open", err, h.open)
	}
}

func TestATransactionWhoseAnswerWasLostIsSentAgain(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, stock(t, p))
	h.after = hardened(t, p)
	h.applyErr = &machine.UnreachableError{State: machine.Lost}
	h.onRedial = func() { h.applyErr = nil }
	if err := NewStep(p).Apply(t.Context(), h); err != nil || h.open != 0 {
		t.Errorf("error %v, %d sessions left open", err, h.open)
	}
	h.wantCalls("facts /agent-amd64", "apply", "redial", "apply", "redial", "sudo", "facts /agent-amd64", "confirm", "/")
}

// The first run may still be at work on the host when its connection is gone.
func TestATransactionThatIsStillBeingMadeIsAskedForAgain(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	h := newHost(t, stock(t, p))
	h.after = hardened(t, p)
	h.applyErr = &machine.UnreachableError{State: machine.Lost}
	h.onRedial = func() {
		h.applyErr = &machine.ExitError{Command: "apply", Code: facts.ExitPending, Stderr: "a transaction is in the way"}
		if h.redials > 2 {
			h.applyErr = nil
		}
	}
	if err := NewStep(p).Apply(t.Context(), h); err != nil || h.count("apply") != 4 || h.open != 0 {
		t.Errorf("error %v, calls %q, %d sessions left open", err, h.calls, h.open)
	}
}

func TestAPendingChangeIsSatOut(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Window = 50 * time.Millisecond
	f := hardened(t, p) // in force, but unconfirmed: it will be gone
	f.Pending = &facts.Pending{ID: "of a killed run", Deadline: f.System.UnixTime + 5}
	h := newHost(t, f)
	changes, err := NewStep(p).Check(t.Context(), h)
	if err != nil || len(changes) != 1 || changes[0].ID != "FW-18" {
		t.Fatalf("check while pending: %v, %v", changes, err)
	}
	looks := 0
	h.onFacts = func() {
		if looks++; looks == 3 {
			h.now = stock(t, p)
		}
	}
	h.after = hardened(t, p)
	if err := NewStep(p).Apply(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if h.count("apply") != 1 || h.now.Pending != nil {
		t.Errorf("calls %q", h.calls)
	}
}

func TestCancellingTheWaitTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Window = time.Hour
	f := hardened(t, p)
	f.Pending = &facts.Pending{ID: "x", Deadline: f.System.UnixTime + 3600}
	ctx, cancel := context.WithCancel(t.Context())
	h := newHost(t, f)
	looks := 0
	h.onFacts = func() {
		if looks++; looks == 2 {
			cancel()
		}
	}
	if err := NewStep(p).Apply(ctx, h); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestWhatIsLeftToTheUserComesAfterWhatCouldBeMended(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := stock(t, p)
	f.Files[nftConfig] = facts.File{Exists: true, Content: "table inet mine {\n\tchain c {\n\t\ttcp dport 8080 drop\n\t}\n}\n"}
	h := newHost(t, f)
	h.after = hardened(t, p)
	err := NewStep(p).Apply(t.Context(), h)
	if !errors.Is(err, ErrLeftToUser) || !strings.Contains(err.Error(), nftConfig+":3: `tcp dport 8080 drop`") {
		t.Errorf("error %v", err)
	}
	if h.count("confirm") != 1 {
		t.Error("the rest was not mended")
	}
}
