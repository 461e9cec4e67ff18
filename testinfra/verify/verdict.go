package verify

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Verdict is how a promise stands.
type Verdict string

// The verdicts.
const (
	Kept    Verdict = "kept"
	Broken  Verdict = "broken"
	LeftOut Verdict = "left out"
	Unseen  Verdict = "could not look"
)

// Result is what came of one promise.
type Result struct {
	Name, Says string
	Verdict    Verdict
	Reason     string // why it is not kept; "" where it is
	Took       time.Duration
}

// brokenError is a promise that is not kept. Any other error means that
// somebody could not look.
type brokenError []string

// Error lists what is wrong.
func (b brokenError) Error() string { return strings.Join(b, "\n") }

// leftOutError is a promise that cannot be judged here.
type leftOutError string

// Error says why.
func (l leftOutError) Error() string { return string(l) }

// findings gathers what is wrong with a promise.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// err is nil if nothing is wrong.
func (f findings) err() error {
	if len(f) == 0 {
		return nil
	}
	return brokenError(f)
}

// or is what is wrong, or else what could not be seen.
func (f findings) or(unseen findings) error {
	if len(f) == 0 && len(unseen) > 0 {
		return fmt.Errorf("could not look: %s", strings.Join(unseen, "\n"))
	}
	return f.err()
}

func verdictOf(err error) (Verdict, string) {
	var broken brokenError
	var leftOut leftOutError
	switch {
	case err == nil:
		return Kept, ""
	case errors.As(err, &broken):
		return Broken, err.Error()
	case errors.As(err, &leftOut):
		return LeftOut, err.Error()
	}
	return Unseen, err.Error()
}
