package node

import (
	"regexp"
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

// noPassword is the tag by which a command needs none. It counts wherever it
// stands in a rule: some command follows it.
var (
	noPassword = regexp.MustCompile(`\bNOPASSWD\s*:`)
	allOfIt    = regexp.MustCompile(`\bNOPASSWD\s*:\s*(?:[A-Z_]+\s*:\s*)*ALL\s*(?:,|:|$)`)
	runAs      = regexp.MustCompile(`^\s*\(([^)]*)\)`)
)

// parseSudoRule reads USERS HOSTS = COMMANDS.
func parseSudoRule(text string) (facts.SudoRule, bool) {
	sides := splitOutside(text, '=')
	if len(sides) < 2 {
		return facts.SudoRule{}, false
	}
	right := strings.Join(sides[1:], "=")
	rule := facts.SudoRule{Users: ruleUsers(sides[0]), Text: text[:min(len(text), maxSudoText)]}
	bare := withoutQuotes(right)
	rule.NoPassword = noPassword.MatchString(bare)
	rule.All = allOfIt.MatchString(bare) && runsAsRoot(bare)
	return rule, len(rule.Users) > 0
}

// ruleUsers are the users on the left side: the hosts begin behind the first
// blank that follows no comma.
func ruleUsers(left string) []string {
	var users []string
	for _, part := range splitOutside(left, ',') {
		part = strings.TrimSpace(part)
		end := len(part)
		for i := 0; i < len(part) && end == len(part); i++ {
			switch {
			case part[i] == '\\':
				i++
			case part[i] == '"':
				i += 1 + max(strings.IndexByte(part[i+1:], '"'), 0)
			case part[i] == ' ' || part[i] == '\t':
				end = i
			}
		}
		if user := strings.Trim(part[:end], `"`); user != "" {
			users = append(users, user)
		}
		if end < len(part) {
			break
		}
	}
	return users
}

func withoutQuotes(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 0 {
			b.WriteString(part)
		}
	}
	return b.String()
}

// runsAsRoot reports whether a rule's first list of whom to become has root in it.
func runsAsRoot(commands string) bool {
	match := runAs.FindStringSubmatch(commands)
	if match == nil {
		return true
	}
	users, _, _ := strings.Cut(match[1], ":")
	for _, u := range splitList(users) {
		if u == "ALL" || u == "root" || u == "#0" {
			return true
		}
	}
	return false
}
