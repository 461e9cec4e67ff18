package node

import (
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sudoLine is a line of sudoers with its continuations.
type sudoLine struct {
	number int
	text   string
}

// maxSudoText is how much of a rule is told as evidence.
const maxSudoText = 300

// sudoLines joins continued lines and takes comments away. A line that begins
// with # keeps it: it may be an include, or the number of a user.
func sudoLines(text string) []sudoLine {
	var out []sudoLine
	var whole strings.Builder
	n, begin := 0, 0
	for line := range strings.Lines(text) {
		n++
		if whole.Len() == 0 {
			begin = n
		}
		line = strings.TrimRight(line, "\r\n")
		if continued(line) {
			whole.WriteString(line[:len(line)-1] + " ")
			continue
		}
		whole.WriteString(line)
		if joined := strings.TrimSpace(withoutSudoComment(whole.String())); joined != "" {
			out = append(out, sudoLine{begin, joined})
		}
		whole.Reset()
	}
	if joined := strings.TrimSpace(withoutSudoComment(whole.String())); joined != "" {
		out = append(out, sudoLine{begin, joined})
	}
	return out
}

// continued reports whether a line ends in a backslash that no other one escapes.
func continued(line string) bool {
	trimmed := strings.TrimRight(line, `\`)
	return (len(line)-len(trimmed))%2 == 1
}

// withoutSudoComment cuts at a # that begins a comment: not in quotes, not
// escaped, not the first of the line, not before the number of a user.
func withoutSudoComment(line string) string {
	first := len(line) - len(strings.TrimLeft(line, " \t"))
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '#' && !quoted && i > first && (i+1 == len(line) || !isDigit(line[i+1])):
			return line[:i]
		}
	}
	return line
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// cutWord cuts a line behind its first word.
func cutWord(line string) (word, rest string) {
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return line, ""
	}
	return line[:i], strings.TrimSpace(line[i:])
}

// splitOutside splits at a byte that neither stands in quotes or brackets nor
// is escaped.
func splitOutside(text string, sep byte) []string {
	var out []string
	begin, depth, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == sep && depth <= 0:
			out, begin = append(out, text[begin:i]), i+1
		}
	}
	return append(out, text[min(begin, len(text)):])
}

// splitList splits a list at its commas and takes quotes away.
func splitList(text string) []string {
	var out []string
	for _, part := range splitOutside(text, ',') {
		if part = strings.Trim(strings.TrimSpace(part), `"`); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// parseSudoDefaults reads one Defaults line, which may hold many settings.
func parseSudoDefaults(line sudoLine, file string) []facts.SudoDefault {
	word, rest := cutWord(line.text)
	binding := strings.TrimPrefix(word, "Defaults")
	if binding != "" && !strings.ContainsRune("@:!>", rune(binding[0])) {
		return nil
	}
	// The list of whom it binds may have blanks behind its commas.
	for strings.HasSuffix(binding, ",") && rest != "" {
		word, rest = cutWord(rest)
		binding += word
	}
	var out []facts.SudoDefault
	for _, part := range splitOutside(rest, ',') {
		part = strings.TrimSpace(part)
		d := facts.SudoDefault{For: binding, File: file, Line: line.number}
		name, value, _ := strings.Cut(part, "=")
		d.Off = strings.HasPrefix(name, "!")
		d.Name = strings.TrimSpace(strings.TrimRight(strings.TrimLeft(name, "! \t"), "+- \t"))
		d.Value = strings.Trim(strings.TrimSpace(value), `"`)
		if d.Name != "" {
			out = append(out, d)
		}
	}
	return out
}
