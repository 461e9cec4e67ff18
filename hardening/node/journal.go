package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Files below StateDir, and in the folder of a transaction.
const (
	lockFile    = StateDir + "/lock"
	pendingFile = StateDir + "/pending"
	agentFile   = facts.KeptAgent
	stageDir    = StateDir + "/stage"
	asideDir    = StateDir + "/aside"
	txDir       = StateDir + "/tx"

	stateName   = "state.json"
	appliedName = "applied"
	resultName  = "result"
)

// keepTransactions is how many finished ones are kept for the curious.
const keepTransactions = 5

var (
	// ErrPending says that another transaction waits for its confirmation or is being made.
	ErrPending = errors.New("a transaction is in the way")
	// ErrNotPending says that the transaction cannot be confirmed, because it
	// is not in force: it was taken back, or never made.
	ErrNotPending = errors.New("the transaction is not in force")
	// errTorn is a pending file that cannot be read.
	errTorn = errors.New("the pending transaction cannot be read")
)

func txFile(id, name string) string { return path.Join(txDir, id, name) }

// readJSON reads a file of ours. One that is not there is fs.ErrNotExist.
func (h Host) readJSON(p string, into any) error {
	b, err := os.ReadFile(h.path(p))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read %s: %w", p, err)
	}
	return nil
}

func (h Host) writeJSON(p string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", p, err)
	}
	return h.write(savedFile{Path: p, Content: b, Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid()})
}

// pending returns the transaction that waits, or nil. A file that is there and
// cannot be read is errTorn: something waits, and it is not known what.
func (h Host) pending() (*facts.Pending, error) {
	var p facts.Pending
	err := h.readJSON(pendingFile, &p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, errors.Join(errTorn, err)
	case !validID(p.ID):
		return nil, fmt.Errorf("%w: it has no ID", errTorn)
	}
	return &p, nil
}

// result returns how a transaction ended, or nil while it has not.
func (h Host) result(id string) (*facts.Outcome, error) {
	var r facts.Outcome
	err := h.readJSON(txFile(id, resultName), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// last returns how the most recent transaction that has ended did so.
func (h Host) last() (*facts.Outcome, error) {
	ids, err := h.transactions()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if r, err := h.result(id); r != nil || err != nil {
			return r, err
		}
	}
	return nil, nil
}

// transactions lists the transactions whose way back is known, the newest first.
func (h Host) transactions() ([]string, error) {
	names, err := h.names(txDir)
	if err != nil {
		return nil, fmt.Errorf("list transactions: %w", err)
	}
	made := map[string]time.Time{}
	var ids []string
	for _, id := range names {
		info, err := os.Stat(h.path(txFile(id, stateName)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list transactions: %w", err)
		}
		made[id], ids = info.ModTime(), append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return made[b].Compare(made[a]) })
	return ids, nil
}

// prune removes all but the newest transactions, and what was left by one that
// never got as far as to know its way back.
func (h Host) prune() error {
	ids, err := h.transactions()
	if err != nil {
		return err
	}
	names, err := h.names(txDir)
	if err != nil {
		return err
	}
	keep := ids[:min(len(ids), keepTransactions)]
	var errs []error
	for _, id := range names {
		if !slices.Contains(keep, id) {
			errs = append(errs, os.RemoveAll(h.path(path.Join(txDir, id))))
		}
	}
	return errors.Join(errs...)
}
