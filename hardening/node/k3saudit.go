package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// auditTail is as much of the log's end as is read: a few hundred events.
// auditWait is how long an event may take from its answer to the file, which
// the API server writes without a buffer of its own.
const (
	auditLog  = k3sServerDir + "/logs/audit.log"
	auditTail = 256 << 10
	auditWait = 300 * time.Millisecond
)

// auditHeader is in which the API server tells the ID under which it logs a request.
const auditHeader = "Audit-Id"

// auditLog makes a request that the API refuses, for it has no credentials,
// and looks for it in the log.
func (h Host) auditLog(ctx context.Context, api string) (*facts.AuditLog, error) {
	const probe = "audit"
	answers, err := wire(ctx, map[string]look.Dial{probe: {Address: api, TLS: true, AnyCert: true, HTTP: true, Path: "/api", Millis: facts.WirePatience}})
	if err != nil {
		return nil, err
	}
	a := answers[probe]
	if a.Outcome != look.Answered {
		return nil, fmt.Errorf("ask the API at %s for an event to look for: %s", api, cmp.Or(a.Err, string(a.Outcome)))
	}
	id := a.Header[auditHeader]
	if id == "" {
		return nil, fmt.Errorf("the answer of %s (status %d) has no %s to look for", api, a.Status, auditHeader)
	}
	return h.findEvent(ctx, id)
}

// findEvent waits a little: the event is written beside the answer.
func (h Host) findEvent(ctx context.Context, id string) (*facts.AuditLog, error) {
	out := &facts.AuditLog{Path: auditLog, ID: id}
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		tail, err := h.tail(auditLog)
		if errors.Is(err, fs.ErrNotExist) {
			return out, nil // that there is none is an answer
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		out.Newest, out.Found = newestEvent(tail), strings.Contains(tail, `"auditID":"`+id+`"`)
		if out.Found || pause > auditWait {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// tail is the end of a file, from the beginning of a line on.
func (h Host) tail(path string) (string, error) {
	f, err := os.OpenFile(h.path(path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read %s: not a regular file", path)
	}
	from := max(0, info.Size()-auditTail)
	b, err := io.ReadAll(io.NewSectionReader(f, from, auditTail))
	text := string(b)
	if _, rest, cut := strings.Cut(text, "\n"); from > 0 && cut {
		text = rest
	}
	return text, err
}

// newestEvent is the time of the last whole line.
func newestEvent(tail string) string {
	lines := strings.Split(strings.TrimRight(tail, "\n"), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		var e struct {
			Kind           string
			StageTimestamp string
		}
		if json.Unmarshal([]byte(lines[i]), &e) == nil && e.Kind == "Event" {
			return e.StageTimestamp
		}
	}
	return ""
}
