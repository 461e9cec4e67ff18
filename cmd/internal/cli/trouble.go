package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// trouble is one cause and where it was met: the two nodes of a cluster whose
// Proxmox is gone are one trouble.
type trouble struct {
	text, cause string // the whole error, and the part of it that carries the hint
	hint        string
	id          string   // what makes two of them the same
	places      []string // steps; empty where the error is of no step
}

func newTrouble(err error) trouble {
	t := trouble{text: err.Error(), hint: hintOf(err)}
	t.cause = t.text
	var step *converge.StepError
	if errors.As(err, &step) {
		t.places, t.cause = []string{step.Place()}, step.Err.Error()
	}
	var hinted interface {
		error
		Hint() string
	}
	if errors.As(err, &hinted) && !errors.As(hinted, &step) {
		t.cause = hinted.Error()
	}
	t.id = t.cause
	var gone *machine.UnreachableError
	if errors.As(err, &gone) {
		t.id = gone.Address // one attempt is refused, the next gets no answer
	}
	return t
}

// troublesOf is what went wrong in the order in which it is told.
func troublesOf(err error) []trouble {
	var all []trouble
	for _, e := range flatten(err) {
		t := newTrouble(e)
		i := slices.IndexFunc(all, func(o trouble) bool { return o.id == t.id && o.hint == t.hint })
		switch {
		case i < 0:
			all = append(all, t)
		case len(t.places) > 0 && !slices.Contains(all[i].places, t.places[0]):
			all[i].places = append(all[i].places, t.places[0])
		}
	}
	return all
}

func printTroubles(w io.Writer, all []trouble) {
	for i, t := range all {
		if len(t.places) > 1 {
			fmt.Fprintf(w, "error: %s\n  %s\n", t.cause, strings.Join(t.places, "\n  "))
		} else {
			fmt.Fprintf(w, "error: %s\n", t.text)
		}
		last := i+1 == len(all) || all[i+1].hint != t.hint
		if t.hint != "" && last {
			fmt.Fprintf(w, "hint: %s\n", t.hint)
		}
	}
}

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
