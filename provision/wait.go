package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// waiter waits for tasks. A task that ended with warnings has succeeded.
type waiter struct {
	tasks TaskReader
	every time.Duration
}

// earlyLooks is how often a task may be unknown right after its start, before
// Proxmox has written its state.
const earlyLooks = 5

func (w waiter) wait(ctx context.Context, id UPID) error {
	if id == "" {
		return nil
	}
	name, err := parseUPID(id)
	if err != nil {
		return err
	}
	var last TaskStatus
	looks := 0
	err = converge.Wait{What: "Proxmox task " + name.String(), Every: w.every, Limit: 30 * time.Minute, Cause: "the storage may be slow, or another task holds its lock"}.Until(ctx, func(ctx context.Context) (bool, string, error) {
		looks++
		now, err := w.tasks.Task(ctx, id)
		if isUnseen(err) && looks <= earlyLooks {
			return false, "not visible yet", nil
		}
		last = now
		return err == nil && !now.Running, "", err
	})
	if err != nil {
		return err
	}
	return w.judge(ctx, id, last)
}

// isUnseen is the 400 with which Proxmox answers for a task that it has only
// just started.
func isUnseen(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == 400
}

func (w waiter) judge(ctx context.Context, id UPID, s TaskStatus) error {
	switch {
	case s.Exit == "OK":
		return nil
	case strings.HasPrefix(s.Exit, "WARNINGS"):
		converge.Waiting(ctx, "Proxmox: "+s.Exit+" in its task "+string(id), strings.Join(w.warnings(ctx, id), "; "))
		return nil
	}
	e := &TaskError{ID: id, Exit: s.Exit, Log: w.tail(ctx, id, 5)}
	switch {
	case fullText.MatchString(e.Error()):
		return machine.WithHint(e, "make room on the storage, or name another under provider.proxmox.storage")
	case lockTimeoutText.MatchString(e.Exit):
		return machine.WithHint(e, "another task holds the lock; wait for it to end (Proxmox: Datacenter, Tasks), then run the same command again")
	}
	return machine.WithHint(e, "the whole log is in the Proxmox web page under Tasks; run the same command again when the cause is mended")
}

// warnings are the lines of a task's log that made it end so.
func (w waiter) warnings(ctx context.Context, id UPID) []string {
	return slices.DeleteFunc(w.tail(ctx, id, wholeLog), func(line string) bool { return !strings.HasPrefix(line, "WARN") })
}

// wholeLog is longer than any log of our tasks.
const wholeLog = 5000

// tail returns the last lines of a task's log. It only decorates another
// message, so that its own failure is no error.
func (w waiter) tail(ctx context.Context, id UPID, lines int) []string {
	log, err := w.tasks.TaskLog(ctx, id)
	if err != nil {
		return nil
	}
	return log[max(0, len(log)-lines):]
}
