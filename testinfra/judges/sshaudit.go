package judges

import (
	"errors"
	"regexp"
	"strings"
)

// Complaint is what ssh-audit has against one thing that a server offers.
type Complaint struct {
	Kind      string // kex, key, enc, mac
	Algorithm string
	Level     string // warn or fail
	Text      string
}

// String is the complaint in one line.
func (c Complaint) String() string {
	return "(" + c.Kind + ") " + c.Algorithm + " [" + c.Level + "] " + c.Text
}

var (
	complaintLine = regexp.MustCompile(`^\((kex|key|enc|mac)\) (\S+)(?: \([^)]*\))?\s+-- \[(warn|fail)\] (.+)$`)
	levelLine     = regexp.MustCompile(`^\s+` + "`" + `- \[(warn|fail)\] (.+)$`)
	// errAudit is an output in which no section was begun: nothing was looked at.
	errAudit = errors.New("not the output of ssh-audit")
)

// ParseSSHAudit reads what `ssh-audit -n` prints. Complaints about one
// algorithm may go on in the lines below it.
func ParseSSHAudit(output string) ([]Complaint, error) {
	var out []Complaint
	var last Complaint
	seen := false
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, " \r\n")
		seen = seen || strings.HasPrefix(line, "# ")
		if m := complaintLine.FindStringSubmatch(line); m != nil {
			last = Complaint{m[1], m[2], m[3], strings.TrimSpace(m[4])}
			out = append(out, last)
		} else if m := levelLine.FindStringSubmatch(line); m != nil && last.Algorithm != "" {
			last.Level, last.Text = m[1], strings.TrimSpace(m[2])
			out = append(out, last)
		}
	}
	if !seen {
		return nil, errAudit
	}
	return out, nil
}
