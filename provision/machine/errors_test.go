package machine

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorsSay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"exit code":        {&ExitError{Command: "false", Code: 1}, "false: exit 1"},
		"last line":        {&ExitError{Command: "x", Code: 2, Stderr: "first\nlast\n\n"}, "x: exit 2: last"},
		"signal":           {&ExitError{Command: "x", Code: 143, Signal: "TERM", Stderr: "bye"}, "x: ended by signal TERM: bye"},
		"state":            {&UnreachableError{Address: "10.0.0.1:22", State: Refused}, "10.0.0.1:22: connection refused"},
		"state with cause": {&UnreachableError{Address: "a:22", State: Lost, Err: io.EOF}, "a:22: connection lost: EOF"},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestNoRoom(t *testing.T) {
	t.Parallel()
	for stderr, want := range map[string]bool{
		"install: error writing '/x': No space left on device": true,
		"write /x: no space left on device\n":                  true,
		"tee: /x: Disk quota exceeded":                         true,
		"sshd -t: line 3":                                      false,
		"":                                                     false,
	} {
		if got := (&ExitError{Stderr: stderr}).NoRoom(); got != want {
			t.Errorf("%q: %v", stderr, got)
		}
	}
}

func TestStateAndHintSurviveWrapping(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", WithHint(&UnreachableError{State: Timeout, Err: io.EOF}, "look at %s", "it"))
	if got := StateOf(err); got != Timeout {
		t.Errorf("state %q", got)
	}
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || hint.Hint() != "look at it" {
		t.Errorf("no hint in %v", err)
	}
	if !errors.Is(err, io.EOF) {
		t.Error("the cause is gone")
	}
	if StateOf(io.EOF) != "" || StateOf(nil) != "" {
		t.Error("a state out of nothing")
	}
	if WithHint(nil, "x") != nil {
		t.Error("an error out of nothing")
	}
}
