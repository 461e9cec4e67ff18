package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// journalFolder is where a journal outlives a restart.
const journalFolder = "/var/log/journal"

// records says where the journal is, and what it holds of the agent's own session.
func (h Host) records(ctx context.Context) (*facts.Journal, error) {
	id, err := h.line("/etc/machine-id")
	if err != nil {
		return nil, fmt.Errorf("find the journal: %w", err)
	}
	_, err = os.Stat(h.path(journalFolder + "/" + id + "/system.journal"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find the journal: %w", err)
	}
	j := facts.Journal{Kept: err == nil && id != ""}
	if j.Session, err = h.loggingAncestors(); err != nil || len(j.Session) == 0 {
		return &j, err
	}
	return &j, h.readRecords(ctx, j.Session)
}

// loggingAncestors are the processes above the agent that let the operator in
// and made him root, the outermost first.
func (h Host) loggingAncestors() ([]facts.Record, error) {
	out := []facts.Record{}
	pid := h.PID
	for range maxAncestors {
		if pid <= 1 {
			break
		}
		if name := h.processName(pid); slices.Contains([]string{"sshd", "sshd-session", "sudo"}, name) {
			out = append(out, facts.Record{Program: name, PID: pid, Messages: []string{}})
		}
		var err error
		if pid, err = h.parent(pid); err != nil {
			return nil, fmt.Errorf("find parent process: %w", err)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// readRecords asks the journal once for all of them. Their numbers are in its
// index, so that it need not read what others have logged.
func (h Host) readRecords(ctx context.Context, session []facts.Record) error {
	argv := []string{journalctl, "--quiet", "--no-pager", "--boot", "--lines=200", "--output=json", "--output-fields=_PID,MESSAGE"}
	for _, r := range session {
		argv = append(argv, "_PID="+strconv.Itoa(r.PID))
	}
	out, err := h.Runner.Run(ctx, command(argv...))
	if err != nil {
		return fmt.Errorf("ask the journal for our session: %w", err)
	}
	messages, err := parseJournal(out)
	if err != nil {
		return err
	}
	for i, r := range session {
		session[i].Messages = append(r.Messages, messages[strconv.Itoa(r.PID)]...)
	}
	return nil
}

// parseJournal reads journalctl's JSON lines and returns the messages by
// process. One that is no text comes as a list of bytes and is left out.
func parseJournal(out string) (map[string][]string, error) {
	messages := map[string][]string{}
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var entry struct {
			PID     string `json:"_PID"`
			Message any    `json:"MESSAGE"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		if text, ok := entry.Message.(string); ok {
			messages[entry.PID] = append(messages[entry.PID], text)
		}
	}
	return messages, nil
}
