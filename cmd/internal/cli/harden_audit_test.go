package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/provision/converge"
)

func TestALookEndsWithItsTime(t *testing.T) {
	t.Parallel()
	p := newAuditProgress(testStreams(io.Discard, io.Discard), 1)
	p.begin("edge-1")
	late := func(ctx context.Context) (hardening.Report, error) {
		converge.Waiting(ctx, "SSH: dialing", "")
		<-ctx.Done()
		return hardening.Report{}, ctx.Err()
	}
	_, err := fleet{timeout: time.Millisecond}.look(t.Context(), "edge-1", p, late)
	if err == nil || err.Error() != "no answer, not within 1ms (waited for SSH: dialing)" || !strings.Contains(hintOf(err), "--timeout") {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
}

// Whoever interrupts a look at many nodes keeps what is known by then.
func TestALookThatIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	p := newAuditProgress(testStreams(io.Discard, io.Discard), 1)
	_, err := fleet{timeout: time.Hour}.look(ctx, "edge-1", p, func(ctx context.Context) (hardening.Report, error) {
		cancel(errInterrupted)
		<-ctx.Done()
		return hardening.Report{}, ctx.Err()
	})
	if !errors.Is(err, errInterrupted) {
		t.Error(err)
	}
	asked := false
	_, err = fleet{}.look(ctx, "edge-2", p, func(context.Context) (hardening.Report, error) { asked = true; return hardening.Report{}, nil })
	if asked || !errors.Is(err, errInterrupted) {
		t.Errorf("asked %t, %v", asked, err)
	}

	good := reportOf("edge-1", hardening.Pass)
	audits := []audited{good, {Report: hardening.Report{Node: "edge-2"}, Err: errInterrupted}, {Report: hardening.Report{Node: "edge-3"}, Err: errInterrupted}}
	var out, errs bytes.Buffer
	s := testStreams(&out, &errs)
	d := (&site{streams: s}).document(audits, targetOptions{})
	if err := (outlet{format: "text"}).write(s, d); err != nil {
		t.Fatal(err)
	}
	if code := codeOf(auditOutcome(s, audits, d, hardening.Low)); code != exitUnknown {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(out.String(), "edge-1: 1 pass") || errs.String() != "error: interrupted\n  edge-2\n  edge-3\n" {
		t.Errorf("out %q, errors %q", out.String(), errs.String())
	}
}

func TestSlowNodesAreToldInALog(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	p := newAuditProgress(testStreams(io.Discard, &errs), 3)
	for _, name := range []string{"edge-1", "edge-2", "edge-3"} {
		p.begin(name)
	}
	p.waits("edge-1", "SSH: dialing", "it is switched off")
	p.waits("nobody", "anything", "")
	p.end("edge-3")
	start := p.started
	p.tick(start.Add(slowAfter / 2))
	if errs.Len() > 0 {
		t.Errorf("told too early: %q", errs.String())
	}
	p.tick(start.Add(slowAfter + time.Second))
	p.tick(start.Add(slowAfter + 2*time.Second))
	told := strings.Split(strings.TrimSpace(errs.String()), "\n")
	if len(told) != 2 || !strings.HasPrefix(told[0], "edge-1: harden --check: waiting ") || !strings.HasSuffix(told[0], " for SSH: dialing; likely: it is switched off") || !strings.HasSuffix(told[1], "for its answer") {
		t.Errorf("told %q", told)
	}
	p.tick(start.Add(slowAfter + time.Second + repeatWait))
	if n := strings.Count(errs.String(), "edge-1"); n != 2 {
		t.Errorf("told %d times", n)
	}
	p.close()
}

func TestTheProgressOnATerminal(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	s := testStreams(io.Discard, &errs)
	s.Width = func() int { return 80 }
	p := newAuditProgress(s, 200)
	p.begin("edge-1")
	p.begin("edge-2")
	p.tick(p.started.Add(quietFor / 2))
	if errs.Len() > 0 || p.live != nil {
		t.Errorf("shown too early: %q", errs.String())
	}
	p.tick(p.started.Add(quietFor))
	p.end("edge-2")
	p.waits("edge-1", "SSH: dialing", "")
	p.tick(p.started.Add(slowAfter + time.Second))
	p.live.mu.Lock()
	p.live.draw("")
	p.live.mu.Unlock()
	p.end("edge-1")
	p.live.mu.Lock()
	left := len(p.live.running)
	p.live.mu.Unlock()
	p.close()
	if out := errs.String(); !strings.Contains(out, "harden --check") || !strings.Contains(out, "1 of 200 nodes") || !strings.Contains(out, "edge-1: harden --check") || left != 1 {
		t.Errorf("%d lines left, screen %q", left, out)
	}
}
