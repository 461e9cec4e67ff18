package cli

import (
	"errors"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// flatten takes joined errors apart, so that each part is shown with its own
// hint, the parts of one step each with its place. What stands around a join
// without words of its own, such as a hint, goes to the parts that have none.
func flatten(err error) []error {
	if step, ok := err.(*converge.StepError); ok {
		parts := flatten(step.Err)
		for i, p := range parts {
			parts[i] = &converge.StepError{Subject: step.Subject, Step: step.Step, Err: p}
		}
		return parts
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return flattenJoin(err, joined.Unwrap())
	}
	inner := errors.Unwrap(err)
	if inner == nil || inner.Error() != err.Error() {
		return []error{err}
	}
	parts := flatten(inner)
	if len(parts) == 1 {
		return []error{err}
	}
	if own, ok := err.(interface{ Hint() string }); ok {
		for i, p := range parts {
			parts[i] = orHint(p, own.Hint())
		}
	}
	return parts
}

// flattenJoin leaves a sentence made of two errors whole.
func flattenJoin(err error, parts []error) []error {
	if errors.Join(parts...).Error() != err.Error() {
		return []error{err}
	}
	var out []error
	for _, p := range parts {
		out = append(out, flatten(p)...)
	}
	return out
}

// orHint gives an error a hint if it has none.
func orHint(err error, hint string) error {
	if hintOf(err) != "" {
		return err
	}
	return machine.WithHint(err, "%s", hint)
}
