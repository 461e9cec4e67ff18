package fakepve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fault"
)

// Kind is what goes wrong.
type Kind string

// The faults that a rule can bring. All but the last three are over when the
// request has been answered.
const (
	// Delay only waits.
	Delay Kind = "delay"
	// Error answers with Status (default 500) and Message, without the effect.
	Error Kind = "error"
	// ProxyTimeout answers 596, as pveproxy does when the daemon behind it hangs.
	ProxyTimeout Kind = "596"
	// DropBefore closes the connection without the effect, DropAfter with it.
	DropBefore Kind = "drop-before"
	DropAfter  Kind = "drop-after"
	// HalfAnswer sends half of the answer, after the effect, and closes.
	HalfAnswer Kind = "half-answer"
	// LockTimeout says that a storage's lock could not be had: in the task, or at
	// once if there is none. Nothing is changed.
	LockTimeout Kind = "lock-timeout"
	// NextIDRace puts a foreign machine on the ID that /cluster/nextid just gave out.
	NextIDRace Kind = "nextid-race"
	// ForeignVM puts a foreign machine on the ID that a create or clone wants.
	ForeignVM Kind = "foreign-vm"
	// TaskFails ends the task with Message before it did anything, TaskFailsLate
	// after it did everything.
	TaskFails     Kind = "task-fails"
	TaskFailsLate Kind = "task-fails-late"
	// TaskWarns ends the task with "WARNINGS: 1".
	TaskWarns Kind = "task-warns"
	// TaskSlow makes the task take Delay longer; the answer comes at once.
	TaskSlow Kind = "task-slow"
)

func kinds() []Kind {
	return []Kind{Delay, Error, ProxyTimeout, DropBefore, DropAfter, HalfAnswer, LockTimeout, NextIDRace, ForeignVM,
		TaskFails, TaskFailsLate, TaskWarns, TaskSlow, NoPrivilege, Full}
}

// Fault is a rule: requests that match it go wrong.
type Fault struct {
	// Method and Path (a regular expression on what follows /api2/json) choose the
	// requests; an empty one matches all.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	Kind   Kind   `json:"kind"`
	// After lets that many matching requests pass first; Count limits how many go
	// wrong then, 0 meaning all.
	After int `json:"after,omitempty"`
	Count int `json:"count,omitempty"`
	// Delay is waited before a request of any kind of fault is looked at.
	Delay   Duration `json:"delay,omitempty"`
	Status  int      `json:"status,omitempty"`
	Message string   `json:"message,omitempty"`
	// Storage names the lock of LockTimeout, or what is Full. Default local-lvm.
	Storage string `json:"storage,omitempty"`
	Free    int64  `json:"free,omitempty"` // bytes that Full leaves

	match *fault.Match
}

// Duration reads as "1.5s" in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	got, err := time.ParseDuration(string(text))
	*d = Duration(got)
	return err
}

// Fault adds rules. The first that matches a request is used.
func (s *Server) Fault(rules ...Fault) error {
	for _, f := range rules {
		if err := f.prepare(); err != nil {
			return err
		}
		s.mu.Lock()
		s.faults = append(s.faults, &f)
		s.mu.Unlock()
	}
	return nil
}

func (f *Fault) prepare() (err error) {
	known := false
	for _, k := range kinds() {
		known = known || k == f.Kind
	}
	if !known {
		return fmt.Errorf("add fault: kind %q is not known, only %v", f.Kind, kinds())
	}
	f.match, err = fault.Rule{Method: f.Method, Path: f.Path, After: f.After, Count: f.Count}.Compile()
	return err
}

// Faults lists the rules.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Fault{}
	for _, f := range s.faults {
		out = append(out, *f)
	}
	return out
}

// ClearFaults removes all rules.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// faultFor counts a request against the rules and copies the one that applies.
func (s *Server) faultFor(method, path string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !f.stands() && f.match.Hit(method, path) {
			hit := *f
			return &hit
		}
	}
	return nil
}

func (f *Fault) is(k Kind) bool { return f != nil && f.Kind == k }

func (f *Fault) wait(ctx context.Context) error {
	if f == nil || f.is(TaskSlow) {
		return nil
	}
	return sleep(ctx, time.Duration(f.Delay))
}

// before answers, or does not, without the effect; it reports whether it did.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case f.is(Error):
		a := failure(&apiError{status: orElse(f.Status, http.StatusInternalServerError), message: orElse(f.Message, "fault injected")})
		a.write(w, r)
	case f.is(ProxyTimeout):
		bare(596, orElse(f.Message, "Connection timed out")).write(w, r)
	case f.is(DropBefore):
		drop(w, r)
	default:
		return false
	}
	return true
}

// admit interferes after the checks and just before the work.
func (f *Fault) admit(c *call, rt route) error {
	switch {
	case f.is(LockTimeout) && !rt.tasked:
		return f.lockTimeout()
	case f.is(ForeignVM):
		id, err := strconv.Atoi(orElse(c.args.get("newid"), c.args.get("vmid")))
		if err != nil {
			return nil
		}
		return c.srv.AddForeignVM(id)
	}
	return nil
}

func (f *Fault) lockTimeout() error { return lockTimeout(storageLock(orElse(f.Storage, "local-lvm"))) }

func (f *Fault) slows() time.Duration {
	if f.is(TaskSlow) {
		return time.Duration(f.Delay)
	}
	return 0
}

// prevents is why a task is not to do its work.
func (f *Fault) prevents() error {
	switch {
	case f.is(TaskFails):
		return errors.New(orElse(f.Message, "fault injected"))
	case f.is(LockTimeout):
		return f.lockTimeout()
	}
	return nil
}

// faulty puts the fault of a call around what its task does.
func (c *call) faulty(do work) work {
	f := c.fault
	return func(ctx context.Context, t *running) error {
		err := f.prevents()
		if err == nil && !c.lingers {
			err = t.linger(ctx)
		}
		if err != nil {
			return c.undone(err)
		}
		if f.is(TaskWarns) {
			t.warn("%s", orElse(f.Message, "fault injected"))
		}
		err = do(ctx, t)
		if err == nil && f.is(TaskFailsLate) {
			return errors.New(orElse(f.Message, "fault injected"))
		}
		return err
	}
}

// after sends the answer, or what the fault leaves of it.
func (f *Fault) after(w http.ResponseWriter, r *http.Request, a answer) {
	switch {
	case f.is(DropAfter):
		drop(w, r)
	case f.is(HalfAnswer):
		a.hijack(w, r, len(a.body)/2)
	default:
		a.write(w, r)
	}
}
