package look

import (
	"context"
	"fmt"
	"strings"
	"unicode"
)

// The end of a log that is handed out: so many lines, none longer than so many
// bytes.
const (
	journalLines = 40
	journalLine  = 2000
)

// journal returns the end of a unit's log since it was started. A unit that never
// was has none. One that systemd starts again and again tells why it ended in
// the log of an earlier start.
func (h host) journal(ctx context.Context, name string, u shown) Journal {
	if u.run == "" {
		return Journal{}
	}
	argv := []string{journalctl, "--quiet", "--no-pager", "--output=cat", fmt.Sprintf("--lines=%d", journalLines)}
	if u.Restarts > 0 {
		argv = append(argv, "--unit="+name)
	} else { // its own words, or those of systemd about it
		argv = append(argv, "_SYSTEMD_INVOCATION_ID="+u.run, "+", "INVOCATION_ID="+u.run, "_PID=1")
	}
	out, err := h.run(ctx, argv...)
	if err != nil {
		return Journal{Err: err.Error()}
	}
	return Journal{Lines: parseJournal(out)}
}

// parseJournal returns the last lines, without what would move a terminal's
// cursor: a log may hold anything.
func parseJournal(out string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		line = printable(strings.TrimRight(line, "\r\n"))
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-journalLines):]
}

func printable(s string) string {
	if len(s) > journalLine {
		s = s[:journalLine] + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "?"))
}
