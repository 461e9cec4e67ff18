package fault

import (
	"fmt"
	"regexp"
)

// Rule chooses requests. Path is a regular expression; an empty Method or Path
// matches all. After lets that many of them pass first; Count limits how many
// are chosen then, 0 meaning all.
type Rule struct {
	Method, Path string
	After, Count int
}

// Match is a rule at work. Whoever calls Hit must see to it that nobody else
// does at the same time.
type Match struct {
	rule Rule
	path *regexp.Regexp
	seen int
}

// Compile begins a rule, and refuses one whose path is no regular expression.
func (r Rule) Compile() (*Match, error) {
	path, err := regexp.Compile(r.Path)
	if err != nil {
		return nil, fmt.Errorf("add fault: %w", err)
	}
	return &Match{rule: r, path: path}, nil
}

// Hit counts a request that matches, and reports whether it is chosen.
func (m *Match) Hit(method, path string) bool {
	if m.rule.Method != "" && m.rule.Method != method || !m.On(path) {
		return false
	}
	m.seen++
	return m.seen > m.rule.After && (m.rule.Count == 0 || m.seen <= m.rule.After+m.rule.Count)
}

// On reports whether the path alone matches.
func (m *Match) On(path string) bool { return m.path.MatchString(path) }
