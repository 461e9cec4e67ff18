package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// trouble is one cause and where it was met: the two nodes of a cluster whose
// Proxmox is gone are one trouble.
type trouble struct {
	cause, hint string
	id          string   // what makes two of them the same
	places      []string // "" where the cause says it all
}

// newTrouble takes an error apart: what carries the hint is the cause, and the
// words around it are the place.
func newTrouble(err error) trouble {
	t := trouble{cause: err.Error(), hint: hintOf(err)}
	var hinted interface {
		error
		Hint() string
	}
	place := ""
	if errors.As(err, &hinted) {
		if before, found := strings.CutSuffix(t.cause, ": "+hinted.Error()); found {
			place, t.cause = before, hinted.Error()
		}
	}
	t.id, t.places = t.cause, []string{place}
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
		case !slices.Contains(all[i].places, t.places[0]):
			all[i].places = append(all[i].places, t.places[0])
		}
	}
	return all
}

func printTroubles(w io.Writer, all []trouble) {
	for i, t := range all {
		switch {
		case len(t.places) > 1:
			fmt.Fprintf(w, "error: %s\n  %s\n", t.cause, strings.Join(t.places, "\n  "))
		case t.places[0] != "":
			fmt.Fprintf(w, "error: %s: %s\n", t.places[0], t.cause)
		default:
			fmt.Fprintf(w, "error: %s\n", t.cause)
		}
		last := i+1 == len(all) || all[i+1].hint != t.hint
		if t.hint != "" && last {
			fmt.Fprintf(w, "hint: %s\n", t.hint)
		}
	}
}

// flatten takes joined errors apart, so that each part is shown with its own
// hint. Words around them go before each part, a hint to each that has none.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts := joined.Unwrap()
		if errors.Join(parts...).Error() != err.Error() {
			return []error{err} // a sentence made of two errors
		}
		var out []error
		for _, p := range parts {
			out = append(out, flatten(p)...)
		}
		return out
	}
	inner := errors.Unwrap(err)
	if inner == nil {
		return []error{err}
	}
	before, whole := strings.CutSuffix(err.Error(), inner.Error())
	parts := flatten(inner)
	if len(parts) == 1 || !whole {
		return []error{err}
	}
	own, hinted := err.(interface{ Hint() string })
	for i, p := range parts {
		if before != "" {
			parts[i] = fmt.Errorf("%s%w", before, p)
		}
		if hinted && hintOf(p) == "" {
			parts[i] = machine.WithHint(parts[i], "%s", own.Hint())
		}
	}
	return parts
}
