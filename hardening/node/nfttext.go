package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checkRuleset refuses nft text that says anything about a table that is not
// ours. What nft makes of the rest is for nft to say.
func checkRuleset(text string) error {
	statements, err := nftStatements(text)
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		return errors.New("the ruleset says nothing")
	}
	for _, s := range statements {
		words := strings.Fields(s)
		switch words[0] {
		case "add", "delete", "create", "destroy":
			words = words[1:]
		}
		if strings.Join(words, " ") != "table "+ownFamily+" "+ownTable {
			return fmt.Errorf("the ruleset may only hold table %s %s, not %q", ownFamily, ownTable, s)
		}
	}
	return nil
}

// nftStatements returns the outermost statements without what is in braces.
func nftStatements(text string) ([]string, error) {
	var s nftScanner
	for i := 0; i < len(text); i++ {
		s.next(text[i])
	}
	s.end()
	if s.depth != 0 || s.quoted {
		return nil, errors.New("the ruleset has a brace or a quote without its partner")
	}
	// An include is allowed anywhere and could close the braces around it.
	if slices.Contains(strings.Fields(s.unquoted.String()), "include") {
		return nil, errors.New("the ruleset must not include other files")
	}
	return s.out, nil
}

type nftScanner struct {
	out      []string
	current  strings.Builder
	unquoted strings.Builder // all that is neither in quotes nor a comment
	depth    int
	quoted   bool
	comment  bool
}

// next reads one character.
func (s *nftScanner) next(c byte) {
	switch {
	case s.comment:
		s.comment = c != '\n'
		if !s.comment {
			s.plain(c)
		}
	case s.quoted:
		s.quoted = c != '"'
	default:
		s.plain(c)
	}
}

// plain reads a character that is neither in quotes nor in a comment. A
// backslash that carries a statement over the end of its line is kept, and
// makes the statement one that is refused.
func (s *nftScanner) plain(c byte) {
	s.unquoted.WriteByte(separated(c))
	switch c {
	case '#':
		s.comment = true
	case '"':
		s.quoted = true
		s.keep(c)
	case '{':
		s.depth++
	case '}':
		s.depth--
		if s.depth < 0 {
			s.keep(c)
		}
		s.endStatement()
	case '\n', ';':
		s.endStatement()
	default:
		s.keep(c)
	}
}

func (s *nftScanner) endStatement() {
	if s.depth == 0 {
		s.end()
	}
}

func (s *nftScanner) keep(c byte) {
	if s.depth <= 0 {
		s.current.WriteByte(c)
	}
}

func (s *nftScanner) end() {
	if statement := strings.TrimSpace(s.current.String()); statement != "" {
		s.out = append(s.out, statement)
	}
	s.current.Reset()
}

// separated makes what ends a word in nft a blank.
func separated(c byte) byte {
	if strings.IndexByte("\";{}#", c) >= 0 {
		return ' '
	}
	return c
}
