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
