package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	sudoers    = "/etc/sudoers"
	sudoersDir = "/etc/sudoers.d"
	visudo     = "/usr/sbin/visudo"
	suPAM      = "/etc/pam.d/su"
	// maxSudoIncludes is how deep sudo follows @include.
	maxSudoIncludes = 128
)

// sudo reads who may become root. Whether the files are valid, visudo says:
// sudo refuses everybody where they are not.
func (h Host) sudo(ctx context.Context) (*facts.Sudo, error) {
	info, err := h.stat(sudoers)
	if err != nil {
		return nil, fmt.Errorf("read sudoers: %w", err)
	}
	if info.Kind == facts.KindAbsent {
		return &facts.Sudo{}, nil
	}
	invalid := make(chan error, 1)
	go func() {
		_, err := h.Runner.Run(ctx, command(visudo, "-c"))
		invalid <- err
	}()
	r := sudoReader{host: h, aliases: map[string][]string{}}
	err = r.read(sudoers, 0)
	s := r.facts()
	s.Installed = true
	visudoErr := <-invalid
	var exit *exitError
	switch {
	case visudoErr == nil:
		s.Valid = true
	case errors.As(visudoErr, &exit) && exit.code == 1:
		s.Invalid = strings.TrimSpace(exit.stderr + exit.stdout)
	default:
		err = errors.Join(err, fmt.Errorf("check sudoers: %w", visudoErr))
	}
	return &s, err
}

// sudoReader gathers what the files say, in sudo's order.
type sudoReader struct {
	host     Host
	files    []string
	defaults []facts.SudoDefault
	rules    []facts.SudoRule
	aliases  map[string][]string // of users
}

func (r *sudoReader) read(file string, depth int) error {
	if depth > maxSudoIncludes {
		return fmt.Errorf("read sudoers: %s: too many levels of includes", file)
	}
	b, err := r.host.readSmall(file)
	if err != nil {
		return fmt.Errorf("read sudoers: %w", err)
	}
	r.files = append(r.files, file)
	for _, line := range sudoLines(string(b)) {
		if err := r.line(file, line, depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *sudoReader) line(file string, line sudoLine, depth int) error {
	word, rest := cutWord(line.text)
	switch {
	case word == "@include" || word == "#include":
		return r.include(rest, depth)
	case word == "@includedir" || word == "#includedir":
		return r.includeDir(rest, depth)
	case strings.HasPrefix(word, "#") && !isNumber(word[1:]):
		return nil // a comment
	case strings.HasPrefix(word, "Defaults"):
		r.defaults = append(r.defaults, parseSudoDefaults(line, file)...)
		return nil
	case word == "User_Alias":
		r.addAliases(rest)
		return nil
	case strings.HasSuffix(word, "_Alias"):
		return nil
	}
	if rule, ok := parseSudoRule(line.text); ok {
		rule.File, rule.Line = file, line.number
		r.rules = append(r.rules, rule)
	}
	return nil
}

func (r *sudoReader) facts() facts.Sudo {
	s := facts.Sudo{Files: r.files, Defaults: r.defaults, Rules: r.rules}
	for i, d := range s.Defaults {
		if strings.HasPrefix(d.For, ":") {
			s.Defaults[i].For = ":" + strings.Join(r.expand(splitList(d.For[1:]), 0), ",")
		}
	}
	for i, rule := range s.Rules {
		s.Rules[i].Users = r.expand(rule.Users, 0)
	}
	return s
}

// addAliases takes NAME = list, and more of them behind colons.
func (r *sudoReader) addAliases(text string) {
	for _, part := range splitOutside(text, ':') {
		if name, list, found := strings.Cut(part, "="); found {
			r.aliases[strings.TrimSpace(name)] = splitList(list)
		}
	}
}

// expand puts its members for an alias of users. One in a circle stays as it is.
func (r *sudoReader) expand(users []string, depth int) []string {
	var out []string
	for _, u := range users {
		members, found := r.aliases[u]
		if !found || depth > len(r.aliases) {
			out = append(out, u)
			continue
		}
		out = append(out, r.expand(members, depth+1)...)
	}
	return out
}
