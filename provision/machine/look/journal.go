package look

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// The end of a log that is handed out: so many lines, none longer than so many
// bytes.
const (
	journalLines = 40
	journalLine  = 2000
)

// journal returns the end of a unit's log since it began. A unit that never
// began has none.
func (h host) journal(ctx context.Context, unit string, began time.Time) Journal {
	if began.IsZero() {
		return Journal{}
	}
	out, err := h.run(ctx, journalctl, "--quiet", "--no-pager", "--output=cat", fmt.Sprintf("--lines=%d", journalLines),
		fmt.Sprintf("--since=@%d", began.Unix()), "--unit="+unit)
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
