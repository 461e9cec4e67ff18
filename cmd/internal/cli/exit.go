package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// The exit codes are a public contract.
const (
	exitOK       = 0 // done or compliant
	exitFailed   = 1 // failed
	exitUsage    = 2 // bad usage or bad configuration
	exitFindings = 3 // drift or findings
	exitUnknown  = 4 // could not look: unreachable, no permission
)

const exitCodes = `EXIT CODES:
   0  done, or compliant
   1  failed
   2  bad usage or bad configuration
   3  drift or findings: up --plan with changes, harden --check with findings,
      status with something that is not ready
   4  could not look: unreachable, or no permission`

// usageError is a mistake in how the program was called.
type usageError struct{ error }

// Unwrap returns the mistake itself.
func (u usageError) Unwrap() error { return u.error }

func usagef(hint, format string, args ...any) error {
	return machine.WithHint(usageError{fmt.Errorf(format, args...)}, "%s", hint)
}

// outcome ends a command with an exit code and no further words: what there
// was to say has been printed.
type outcome int

// Error names the code; it is never shown.
func (o outcome) Error() string { return fmt.Sprintf("exit code %d", int(o)) }

// codeOf maps an error to the exit code.
func codeOf(err error) int {
	var problems inventory.Problems
	var usage usageError
	var end outcome
	var unknown couldNotLook
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &end):
		return int(end)
	case errors.As(err, &usage), errors.As(err, &problems):
		return exitUsage
	case errors.As(err, &unknown):
		return exitUnknown
	}
	return exitFailed
}

// couldNotLook marks the error of a command that only looks.
type couldNotLook struct{ error }

// Unwrap returns the reason.
func (c couldNotLook) Unwrap() error { return c.error }

// printError writes what went wrong for a person: each cause once with the
// places that met it, and a hint once for all causes in a row that share it.
func printError(w io.Writer, err error) {
	var end outcome
	var problems inventory.Problems
	switch {
	case err == nil, errors.As(err, &end):
	case errors.As(err, &problems):
		printProblems(w, problems)
	default:
		printTroubles(w, troublesOf(err))
		var h halted
		if errors.As(err, &h) {
			fmt.Fprintf(w, "hint: %s\n", h.outlook())
		}
	}
}

// halted is a run that did not come to its end.
type halted struct {
	error
	standing []string // how far each subject came
	again    string   // the command that goes on
}

// Unwrap returns what ended the run.
func (h halted) Unwrap() error { return h.error }

// outlook says what is left standing and how to go on.
func (h halted) outlook() string {
	stands := "what was done stands"
	if len(h.standing) > 0 {
		stands += " (" + strings.Join(h.standing, ", ") + ")"
	}
	return stands + "; " + h.again + " goes on from here"
}

func printProblems(w io.Writer, problems inventory.Problems) {
	for _, p := range problems {
		fmt.Fprintf(w, "error: %s\n", p.Error())
		if p.Hint != "" {
			fmt.Fprintf(w, "hint: %s\n", p.Hint)
		}
	}
}

// hintOf returns the outermost hint in err's chain.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the same command goes on where it stopped"
	case errors.Is(err, converge.ErrNotConverged):
		return "something else sets it back, such as another tool that configures the machine; stop that, and run the same command again"
	}
	return ""
}
