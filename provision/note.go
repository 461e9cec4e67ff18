package provision

import (
	"errors"
	"regexp"
	"strings"
)

// phase is how far the first boot of a VM is.
type phase string

// The phases of a first boot, in their order.
const (
	phaseMade   phase = "made"   // no seed yet, never started
	phaseSeeded phase = "seeded" // the seed ISO is attached; the machine may have been started
	phaseDone   phase = "done"   // the machine has a host key of its own, the seed is blank
)

// note is what k3sedge writes into a VM's description. The phase stands there
// and not in a file of the operator, so that it changes in the same request as
// the VM and is never lost.
type note struct {
	Mark  mark
	Phase phase
	// SeedKey is the SHA256 fingerprint of the host key in the seed.
	SeedKey string
}

var (
	markText  = regexp.MustCompile(`^k3sedge/([A-Za-z0-9-]{1,64})/([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$`)
	phaseText = regexp.MustCompile(`^first boot: (made|seeded|done)(?: SHA256:([A-Za-z0-9+/]{43}))?$`)
	errMarks  = errors.New("more than one k3sedge mark in the description")
)

func (n note) phaseLine() string {
	line := "first boot: " + string(n.Phase)
	if n.SeedKey != "" {
		line += " SHA256:" + n.SeedKey
	}
	return line
}

// String is the description of a new VM.
func (n note) String() string {
	return n.Mark.String() + "\n" + n.phaseLine() + "\n\nMade by k3sedge, which needs the lines above to know this VM as its own.\n"
}

// parseNote reads a description. A description without a mark is the zero
// note; lines that users wrote are left alone.
func parseNote(description string) (note, error) {
	var n note
	for line := range strings.Lines(description) {
		line = strings.TrimSpace(line)
		if m := markText.FindStringSubmatch(line); m != nil {
			if n.Mark != (mark{}) {
				return note{}, errMarks
			}
			n.Mark = mark{m[1], m[2]}
		}
		if m := phaseText.FindStringSubmatch(line); m != nil && n.Phase == "" {
			n.Phase, n.SeedKey = phase(m[1]), m[2]
		}
	}
	if n.Mark == (mark{}) {
		return note{}, nil
	}
	return n, nil
}

// noted returns the description with n's phase in it. Other lines, which may
// be the user's, stay.
func (n note) noted(description string) string {
	var out strings.Builder
	done := false
	for line := range strings.Lines(description) {
		switch text := strings.TrimSpace(line); {
		case phaseText.MatchString(text) && done:
		case phaseText.MatchString(text):
			out.WriteString(n.phaseLine() + "\n")
			done = true
		default:
			out.WriteString(line)
		}
	}
	if done {
		return out.String()
	}
	return strings.TrimRight(description, "\n") + "\n" + n.phaseLine() + "\n"
}
