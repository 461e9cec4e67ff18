package fakepve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// task is a worker process of the real thing: it goes on when the client that
// started it has gone.
type task struct {
	UPID  string   `json:"upid"`
	PID   int      `json:"pid"`
	Begin int64    `json:"pstart"`
	Start int64    `json:"starttime"`
	End   int64    `json:"endtime,omitempty"`
	Type  string   `json:"type"`
	ID    string   `json:"id"`
	User  string   `json:"user"` // a token's full ID
	Exit  string   `json:"exitstatus,omitempty"`
	Log   []string `json:"log"`
	Warns int      `json:"warnings,omitempty"`
}

// work is what a task does; it writes its log by say and warn.
type work func(ctx context.Context, t *running) error

// running is a task on its way.
type running struct {
	srv  *Server
	task *task
	slow time.Duration
}

// linger makes the task as slow as it is to be. Who does not call it lingers
// before the work; a clone does under its lock, where others can see it.
func (t *running) linger(ctx context.Context) error {
	d := t.slow
	t.slow = 0
	return sleep(ctx, d)
}

func (t *running) say(format string, args ...any) {
	t.srv.mu.Lock()
	defer t.srv.mu.Unlock()
	t.task.Log = append(t.task.Log, fmt.Sprintf(format, args...))
}

// warn writes a warning, which the exit status counts.
func (t *running) warn(format string, args ...any) {
	t.say("WARN: "+format, args...)
	t.srv.mu.Lock()
	defer t.srv.mu.Unlock()
	t.task.Warns++
}

// spawn starts a task and returns its UPID at once.
func (c *call) spawn(kind, id string, do work) (any, error) {
	s := c.srv
	ctx, cancel := context.WithCancel(s.base)
	t := &running{srv: s, slow: s.opts.TaskTime + c.fault.slows()}
	err := s.change(func(st *state) error {
		st.NextPID++
		now := time.Now()
		t.task = &task{PID: st.NextPID, Begin: now.UnixMilli() / 10 & 0xffffffff, Start: now.Unix(), Type: kind, ID: id, User: c.who}
		t.task.UPID = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", s.opts.Node, t.task.PID, t.task.Begin,
			t.task.Start, kind, id, c.who)
		st.Tasks = append(st.Tasks, t.task)
		s.cancels[t.task.UPID] = cancel
		return nil
	})
	if err != nil {
		cancel()
		return nil, err
	}
	c.upid = t.task.UPID
	s.tasks.Go(func() { s.runTask(ctx, t, c.faulty(do)) })
	return c.upid, nil
}

func (s *Server) runTask(ctx context.Context, t *running, do work) {
	err := do(ctx, t)
	if s.base.Err() != nil {
		return // as after a crash: nobody is left to write the end
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted by signal")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cancels, t.task.UPID)
	t.task.End, t.task.Exit = time.Now().Unix(), exitStatus(err, t.task.Warns)
	t.task.Log = append(t.task.Log, lastLine(t.task.Exit))
	if err := s.save(); err != nil {
		t.task.Log = append(t.task.Log, err.Error())
	}
}

func exitStatus(err error, warnings int) string {
	switch {
	case err != nil:
		return oneLine(err.Error())
	case warnings > 0:
		return fmt.Sprintf("WARNINGS: %d", warnings)
	}
	return "OK"
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func lastLine(exit string) string {
	if exit == "OK" || strings.HasPrefix(exit, "WARNINGS: ") {
		return "TASK " + exit
	}
	return "TASK ERROR: " + exit
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// lockVM holds the lock file of a machine's configuration while f runs.
func (s *Server) lockVM(ctx context.Context, vmid int, f func() error) error {
	return s.lockFile(ctx, fmt.Sprintf("/var/lock/qemu-server/lock-%d.conf", vmid), f)
}

// lockStorage holds the lock file of a storage while f runs.
func (s *Server) lockStorage(ctx context.Context, storage string, f func() error) error {
	return s.lockFile(ctx, storageLock(storage), f)
}

func storageLock(storage string) string { return "/var/lock/pve-manager/pve-storage-" + storage }

func lockTimeout(path string) error { return die("can't lock file '%s' - got timeout", path) }

func (s *Server) lockFile(ctx context.Context, path string, f func() error) error {
	s.mu.Lock()
	lock, ok := s.locks[path]
	if !ok {
		lock = make(chan struct{}, 1)
		s.locks[path] = lock
	}
	s.mu.Unlock()
	timer := time.NewTimer(s.opts.LockWait)
	defer timer.Stop()
	select {
	case lock <- struct{}{}:
	case <-timer.C:
		return lockTimeout(path)
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-lock }()
	return f()
}

// removeAll removes files; what is gone already is no error.
func removeAll(paths ...string) error {
	var all error
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}
