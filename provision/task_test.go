package provision

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// scripted answers a task's looks one after the other; the last one stays.
type scripted struct {
	answers []TaskStatus
	errs    []error
	log     []string
	looks   int
}

// Task gives the next answer.
func (s *scripted) Task(context.Context, UPID) (TaskStatus, error) {
	i := min(s.looks, len(s.answers)-1)
	s.looks++
	return s.answers[i], s.errs[i]
}

// TaskLog gives the log, or an error if there is none.
func (s *scripted) TaskLog(context.Context, UPID) ([]string, error) {
	if s.log == nil {
		return nil, errors.New("no log")
	}
	return s.log, nil
}

func TestWaitForTask(t *testing.T) {
	t.Parallel()
	running, unseen := TaskStatus{Running: true}, &APIError{Status: 400, Message: "no such task"}
	lost := &machine.UnreachableError{State: machine.Lost}
	ended := func(exit string) TaskStatus { return TaskStatus{Exit: exit} }
	tests := []struct {
		name    string
		answers []TaskStatus
		errs    []error
		log     []string
		want    string // in the error; "" for none
	}{
		{"ok", []TaskStatus{running, ended("OK")}, []error{nil, nil}, nil, ""},
		{"not visible at first", []TaskStatus{{}, {}, ended("OK")}, []error{unseen, unseen, nil}, nil, ""},
		{"never visible", []TaskStatus{{}}, []error{unseen}, nil, "no such task"},
		{"warnings", []TaskStatus{ended("WARNINGS: 2")}, []error{nil}, []string{"a", "WARN: b"}, ""},
		{"failed", []TaskStatus{running, ended("exit code 1")}, []error{nil, nil}, []string{"1", "2", "3", "4", "5", "the reason"}, "the reason"},
		{"failed without a log", []TaskStatus{ended("unable to open file")}, []error{nil}, nil, "qmcreate 9001 failed: unable to open file"},
		{"went away", []TaskStatus{running, {}}, []error{nil, lost}, nil, "connection lost"},
		{"no exit status", []TaskStatus{ended("")}, []error{nil}, nil, "failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &scripted{answers: tt.answers, errs: tt.errs, log: tt.log}
			err := waiter{tasks: s, every: time.Microsecond}.wait(t.Context(), sampleUPID)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if tt.name == "failed" && strings.Contains(err.Error(), "\n  1") {
				t.Errorf("the whole log is in %v", err)
			}
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	stop := errors.New("ctrl-c")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(5*time.Millisecond, func() { cancel(stop) })
	err := waiter{tasks: &scripted{answers: []TaskStatus{{Running: true}}, errs: []error{nil}}, every: time.Hour}.wait(ctx, sampleUPID)
	if !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestWaitForNoTask(t *testing.T) {
	t.Parallel()
	w := waiter{tasks: &scripted{}, every: time.Microsecond}
	if err := w.wait(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if err := w.wait(t.Context(), "nonsense"); !errors.Is(err, errUPID) {
		t.Error(err)
	}
}
