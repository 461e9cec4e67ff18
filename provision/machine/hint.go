package machine

import (
	"fmt"
)

// hinted is an error with the words that help to mend it.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without the hint.
func (h hinted) Unwrap() error { return h.error }

// Hint returns what the user can do.
func (h hinted) Hint() string { return h.hint }

// WithHint adds to err what the user can do about it: the name of a flag, a
// key of the file or a command. It returns nil for a nil error.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return hinted{err, fmt.Sprintf(format, args...)}
}
