package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/ssh"
)

// atTerminal are streams with a person behind them who types this.
func atTerminal(typed io.Reader, errs io.Writer) Streams {
	s := testStreams(io.Discard, errs)
	s.In, s.Width = typed, func() int { return 80 }
	s.AskSecret = func() ([]byte, error) { return nil, errNoAnswer }
	return s
}

func TestConfirmWantsTheWord(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]bool{"home\n": true, "home": true, "Home\n": false, "y\n": false, "\n": false, "": false, "home no\n": true} {
		var errs bytes.Buffer
		got, err := confirm(t.Context(), atTerminal(strings.NewReader(typed), &errs), "type home", "home")
		if got != want || err != nil || errs.String() != "type home: " {
			t.Errorf("%q: %v, %v after %q", typed, got, err, errs.String())
		}
	}
	if _, err := confirm(t.Context(), testStreams(io.Discard, io.Discard), "?", "yes"); !errors.Is(err, errNoAnswer) {
		t.Errorf("without a terminal: %v", err)
	}
}

func TestConfirmEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	silent, typing := io.Pipe()
	t.Cleanup(func() { _ = typing.Close() })
	time.AfterFunc(time.Millisecond, func() { cancel(errInterrupted) })
	yes, err := confirm(ctx, atTerminal(silent, io.Discard), "?", "yes")
	if yes || !errors.Is(err, errInterrupted) {
		t.Errorf("%v, %v", yes, err)
	}
}

func TestOnlyALongWaitHasACause(t *testing.T) {
	t.Parallel()
	if got := likely(machine.Refused, 29*time.Second); got != "" {
		t.Errorf("a boot that takes its time is explained: %q", got)
	}
	if got := likely(machine.Refused, 31*time.Second); got == "" {
		t.Error("a long wait has no cause")
	}
}

func TestWhoAnswersOnTheLAN(t *testing.T) {
	t.Parallel()
	if taken, err := (lanProber{}).Answers(t.Context(), netip.MustParseAddrPort("127.0.0.1:1")); !taken || err != nil {
		t.Errorf("where a connection is refused: %v, %v", taken, err)
	}
	dark, port := darkAddress(t)
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errInterrupted)
	for name, ctx := range map[string]context.Context{"in time": soon, "until Ctrl-C": stopped} {
		if taken, err := (lanProber{}).Answers(ctx, netip.AddrPortFrom(dark, uint16(port))); taken || err != nil {
			t.Errorf("where nobody answers %s: %v, %v", name, taken, err)
		}
	}
}

func TestPinsAreForNodesOfTheCluster(t *testing.T) {
	t.Parallel()
	pins, err := ssh.OpenPins(t.TempDir() + "/known_hosts")
	if err != nil {
		t.Fatal(err)
	}
	p := nodePins{pins, inventory.Cluster{SSH: inventory.SSH{Port: 22}, Nodes: testNodes("edge-1")}}
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlMDqpk+V38QQBabicNnZieifIRUVOfs6kGCzsCDSpX"
	if err := p.Pin("edge-1", key); err != nil {
		t.Fatal(err)
	}
	if keys, err := p.Pinned("edge-1"); err != nil || len(keys) != 1 || keys[0] != key {
		t.Errorf("pinned %q, %v", keys, err)
	}
	if err := p.Pin("edge-9", key); err == nil {
		t.Error("a key was pinned for a node that is not there")
	}
}
