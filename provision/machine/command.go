package machine

import (
	"fmt"
	"slices"
	"strings"
)

// masked stands where a secret was.
const masked = "***"

// Quote renders a program and its arguments as one line for a POSIX shell,
// every word in single quotes, so that the shell finds nothing to interpret.
// It is the only place where words become a command line.
func Quote(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// String shows the command to people: secrets masked, standard input left
// out, words quoted only where they need it.
func (c Command) String() string {
	words := make([]string, len(c.Argv))
	for i, w := range c.Argv {
		words[i] = c.Redact(w)
		if !plain(strings.ReplaceAll(words[i], masked, "x")) {
			words[i] = Quote(words[i : i+1])
		}
	}
	return strings.Join(words, " ")
}

// GoString keeps %#v from showing what String hides.
func (c Command) GoString() string {
	return fmt.Sprintf("machine.Command{%s, Root: %t}", c.String(), c.Root)
}

// Redact masks the command's secrets in text, as they are and as a shell
// would have quoted them.
func (c Command) Redact(text string) string {
	secrets := slices.Clone(c.Secrets)
	// The longest first: a secret that is part of another one must not leave
	// the rest of that other one standing.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if s == "" {
			continue
		}
		quoted := Quote([]string{s})
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], masked)
		text = strings.ReplaceAll(text, s, masked)
	}
	return text
}

// plain reports whether a shell takes word as it stands.
func plain(word string) bool {
	return word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@+,%", r))
	}) < 0
}
