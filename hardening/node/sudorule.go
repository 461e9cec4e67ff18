package node

import (
	"regexp"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

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
