package judges

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Lynis is the end of a run of lynis.
type Lynis struct {
	Index    int // of hardening, 0 to 100
	Tests    int // that were run
	Warnings []LynisWarning
}

// LynisWarning is what lynis finds wrong; a mere suggestion is none.
type LynisWarning struct{ ID, Text string }

// String is the warning in one line.
func (w LynisWarning) String() string { return w.ID + " " + w.Text }

// errLynis is a report without the figures that every whole one has.
var errLynis = errors.New("not the report of a whole run of lynis")

// ParseLynis reads lynis-report.dat.
func ParseLynis(report string) (Lynis, error) {
	l := Lynis{Index: -1}
	for line := range strings.Lines(report) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		switch key {
		case "hardening_index":
			index, err := strconv.Atoi(value)
			if err != nil || index < 0 || index > 100 {
				return Lynis{}, fmt.Errorf("%w: hardening_index=%s", errLynis, value)
			}
			l.Index = index
		case "tests_executed":
			l.Tests = len(strings.FieldsFunc(value, func(r rune) bool { return r == '|' }))
		case "warning[]":
			id, rest, _ := strings.Cut(value, "|")
			text, _, _ := strings.Cut(rest, "|")
			l.Warnings = append(l.Warnings, LynisWarning{ID: id, Text: text})
		}
	}
	if l.Index < 0 || l.Tests == 0 {
		return Lynis{}, errLynis
	}
	return l, nil
}
