package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Rollback takes a transaction back; id "" means whichever one waits, as at
// boot. It may be repeated and killed anywhere. A transaction that is over
// already stays as it is, and how it ended is returned.
func Rollback(ctx context.Context, h Host, id string) (facts.Outcome, error) {
	if id != "" && !validID(id) {
		return facts.Outcome{}, fmt.Errorf("roll back %q: not the ID of a transaction", id)
	}
	release, err := h.lock(ctx)
	if err != nil {
		return facts.Outcome{}, err
	}
	defer release()
	if id, err = h.target(id); id == "" || err != nil {
		return facts.Outcome{Result: facts.NothingChanged}, err
	}
	r, err := h.result(id)
	if err != nil {
		return facts.Outcome{}, err
	}
	if r != nil {
		return *r, h.settle(ctx, id)
	}
	var s saved
	if err := h.readJSON(txFile(id, stateName), &s); err != nil {
		return facts.Outcome{}, fmt.Errorf("roll back %s: %w", id, err)
	}
	return h.takeBack(ctx, s)
}

// target finds the transaction to take back. Where the pending file cannot be
// read it is the newest one that has not ended: nothing else can have been
// begun after it.
func (h Host) target(id string) (string, error) {
	p, err := h.pending()
	switch {
	case errors.Is(err, errTorn):
		return h.unfinished(id)
	case err != nil:
		return "", err
	case id != "" && p != nil && p.ID != id:
		if r, err := h.result(id); r != nil || err != nil {
			return id, err
		}
		return "", fmt.Errorf("roll back %s: %w: %s is", id, ErrNotPending, p.ID)
	case id != "":
		return id, nil
	case p == nil:
		return "", nil
	}
	return p.ID, nil
}

func (h Host) unfinished(id string) (string, error) {
	ids, err := h.transactions()
	if err != nil {
		return "", err
	}
	for _, candidate := range ids {
		r, err := h.result(candidate)
		if err != nil {
			return "", err
		}
		if r == nil && (id == "" || id == candidate) {
			return candidate, nil
		}
	}
	if id != "" {
		return id, nil
	}
	return "", fmt.Errorf("roll back: %w, and no transaction is unfinished: %w", errTorn, fs.ErrNotExist)
}
