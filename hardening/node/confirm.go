package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// confirmPatience is longer than a rollback that is already under way takes.
const confirmPatience = 10 * time.Second

// Confirm keeps a change. It may be repeated; it refuses a transaction that is
// not in force any more with ErrNotPending.
func Confirm(ctx context.Context, h Host, id string) (facts.Outcome, error) {
	if !validID(id) {
		return facts.Outcome{}, fmt.Errorf("confirm %q: not the ID of a transaction", id)
	}
	release, err := h.lockFor(ctx, confirmPatience)
	if err != nil {
		return facts.Outcome{}, err
	}
	defer release()
	r, err := h.result(id)
	switch {
	case err != nil:
		return facts.Outcome{}, err
	case r != nil && r.Result == facts.Confirmed:
		return *r, h.settle(ctx, id)
	case r != nil:
		return *r, fmt.Errorf("confirm %s: %w: it was %s at %s", id, ErrNotPending, r.Result, clock(r.At))
	}
	s, err := h.confirmable(id)
	if err != nil {
		return facts.Outcome{}, fmt.Errorf("confirm %s: %w", id, err)
	}
	if err := h.persist(s); err != nil {
		return facts.Outcome{}, fmt.Errorf("confirm %s: %w", id, err)
	}
	return h.finish(ctx, facts.Outcome{ID: id, Result: facts.Confirmed})
}

// confirmable returns the transaction if it is the one that waits, whole.
func (h Host) confirmable(id string) (s saved, err error) {
	p, err := h.pending()
	switch {
	case err != nil:
		return s, err
	case p == nil:
		return s, fmt.Errorf("%w: nothing waits for a confirmation", ErrNotPending)
	case p.ID != id:
		return s, fmt.Errorf("%w: %s is", ErrNotPending, p.ID)
	}
	var done facts.Applied
	if err := h.readJSON(txFile(id, appliedName), &done); errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%w: it was not made to its end", ErrNotPending)
	} else if err != nil {
		return s, err
	}
	return s, h.readJSON(txFile(id, stateName), &s)
}

// persist writes what only a confirmed transaction may leave on the disk: the
// ruleset for the next boot, and the files that were put aside.
func (h Host) persist(s saved) error {
	for _, f := range s.Files {
		if f.Absent || !slices.Contains(s.Aside, f.Path) {
			continue
		}
		aside := f
		aside.Path = path.Join(asideDir, s.ID, f.Path)
		if err := errors.Join(h.step("keep "+f.Path), h.makeFolders(aside.Path, 0o700)); err != nil {
			return err
		}
		if err := h.write(aside); err != nil {
			return err
		}
	}
	if !s.Firewall {
		return nil
	}
	if err := errors.Join(h.step("persist ruleset"), h.makeFolders(s.RulesetPath, 0o755)); err != nil {
		return err
	}
	return h.write(savedFile{
		Path: s.RulesetPath, Content: []byte(s.Ruleset), Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid(),
	})
}

// settle finishes what a killed run has left after it wrote the result of id.
func (h Host) settle(ctx context.Context, id string) error {
	p, err := h.pending()
	if err == nil && (p == nil || p.ID != id) {
		return nil
	}
	return h.disarm(ctx)
}
