package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// mark says whose a VM is. It stands in the VM's description.
type mark struct {
	Cluster, Node string
}

// String is the mark as it stands in the description.
func (m mark) String() string { return "k3sedge/" + m.Cluster + "/" + m.Node }

// text is the mark for messages; none is empty.
func (m mark) text() string {
	if m == (mark{}) {
		return ""
	}
	return m.String()
}

// hash is short, fit for an instance-id, and the same for the VM's whole life.
func (m mark) hash() string {
	sum := sha256.Sum256([]byte(m.String()))
	return hex.EncodeToString(sum[:8])
}

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

// NotOursError is a VM whose number, name and mark do not all agree. It is
// never changed and never destroyed.
type NotOursError struct {
	VMID       int
	Name, Mark string // what the VM has
	Want       string // what would make it ours
}

// Error gives all three values.
func (e *NotOursError) Error() string {
	return fmt.Sprintf("VM %d with name %q and mark %q is not %s", e.VMID, e.Name, e.Mark, e.Want)
}
