package node

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	sshDir     = "/etc/ssh"
	sshdConfig = sshDir + "/sshd_config"
	// maxIncludes is how deep sshd follows Include.
	maxIncludes = 16
)

// configFiles is where sshd's configuration is read from: the disk, or the
// disk as it will be after a transaction.
type configFiles interface {
	read(path string) ([]byte, error)
	// list returns the names in a folder; one that is not there has none.
	list(dir string) ([]string, error)
}

// disk is the host as it is.
type disk struct{ Host }

func (d disk) read(p string) ([]byte, error) { return d.readSmall(p) }

func (d disk) list(dir string) ([]string, error) { return d.names(dir) }

// configWalk reads the files in the order in which sshd does.
type configWalk struct {
	files configFiles
	out   []facts.Origin
	// varies is set where sshd's answer could depend on who logs in.
	varies bool
}

// origins returns all lines of sshd's configuration, and whether its answer
// could depend on who logs in.
func (h Host) origins() (lines []facts.Origin, varies bool, err error) {
	w := configWalk{files: disk{h}, out: []facts.Origin{}}
	if err := w.file(sshdConfig, "", 0); err != nil {
		return nil, true, fmt.Errorf("read sshd's configuration: %w", err)
	}
	return w.out, w.varies, nil
}

// file reads one file inside the Match block of the one that includes it. A
// Match block ends with its file.
func (w *configWalk) file(name, outer string, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("%s: too many levels of Include", name)
	}
	content, err := w.files.read(name)
	if errors.Is(err, fs.ErrNotExist) && depth > 0 {
		return nil // a link to nowhere: sshd passes over it too
	}
	if err != nil {
		return err
	}
	match, number := outer, 0
	for line := range strings.Lines(string(content)) {
		number++
		w.varies = w.varies || mayVary(line)
		key, args := splitDirective(line)
		if key == "" {
			continue
		}
		w.out = append(w.out, facts.Origin{Key: key, Value: strings.Join(args, " "), File: name, Line: number, Match: match})
		switch key {
		case "match":
			match = nested(outer, strings.Join(args, " "))
		case "include":
			if err := w.include(args, match, depth); err != nil {
				return fmt.Errorf("%s:%d: %w", name, number, err)
			}
		}
	}
	return nil
}

func (w *configWalk) include(patterns []string, match string, depth int) error {
	for _, pattern := range patterns {
		files, err := expandInclude(w.files, pattern)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := w.file(f, match, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// nested names a Match block inside another one's file: both have to hold.
func nested(outer, inner string) string {
	if outer == "" {
		return inner
	}
	return outer + " & " + inner
}

// expandInclude lists the files of an Include pattern in the order of glob(3).
// A relative one starts in /etc/ssh.
func expandInclude(files configFiles, pattern string) ([]string, error) {
	if !path.IsAbs(pattern) {
		pattern = path.Join(sshDir, pattern)
	}
	found := []string{"/"}
	for part := range strings.SplitSeq(strings.Trim(path.Clean(pattern), "/"), "/") {
		var next []string
		for _, dir := range found {
			names, err := matching(files, dir, part)
			if err != nil {
				return nil, fmt.Errorf("follow Include %s: %w", pattern, err)
			}
			next = append(next, names...)
		}
		found = next
	}
	slices.Sort(found)
	return found, nil
}

// matching lists what matches part in a folder. As in a shell, a pattern does
// not find hidden files.
func matching(files configFiles, dir, part string) ([]string, error) {
	names, err := files.list(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		hit, err := path.Match(part, name)
		if err != nil {
			return nil, err
		}
		if hit && (name[0] != '.' || part[0] == '.') {
			out = append(out, path.Join(dir, name))
		}
	}
	return out, nil
}

// blanks separate words for sshd.
const blanks = " \t\r\n"

// splitDirective reads one line: a keyword, an optional "=", arguments that
// may be quoted, a comment. The keyword is "" where there is none.
func splitDirective(line string) (key string, args []string) {
	word, rest := cutKeyword(strings.TrimRight(line, blanks+"\f"))
	if word == "" {
		word, rest = cutKeyword(rest) // what stood before it was indentation
	}
	if word == "" || word[0] == '#' || strings.ContainsAny(word, blanks) {
		return "", nil
	}
	return canonicalKey(word), splitArgs(rest)
}

// cutKeyword takes the first word off a line as sshd's strdelim does: a
// keyword may stand in quotes, or even end in them.
func cutKeyword(s string) (word, rest string) {
	i := strings.IndexAny(s, blanks+`"=`)
	if i < 0 {
		return s, ""
	}
	if s[i] == '"' {
		quoted, after, closed := strings.Cut(s[i+1:], `"`)
		if !closed {
			return "", "" // sshd passes over the line
		}
		return s[:i] + quoted, strings.TrimLeft(after, blanks)
	}
	rest = strings.TrimLeft(s[i+1:], blanks)
	if s[i] != '=' && strings.HasPrefix(rest, "=") {
		rest = strings.TrimLeft(rest[1:], blanks)
	}
	return s[:i], rest
}

// splitArgs splits at blanks outside quotes, up to a comment.
func splitArgs(s string) []string {
	var args []string
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == '#' {
			return args
		}
		var arg string
		arg, s = nextArg(s)
		args = append(args, arg)
	}
}

// nextArg takes one argument off s, without its quotes.
func nextArg(s string) (arg, rest string) {
	var out strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`"'\`, s[i+1]) >= 0:
			i++
			out.WriteByte(s[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return out.String(), s[i:]
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), ""
}

// canonicalKey is the keyword under which sshd -T prints an option: some have
// an older name that still works and would otherwise hide a setting.
func canonicalKey(keyword string) string {
	key := strings.ToLower(keyword)
	switch key {
	case "challengeresponseauthentication", "skeyauthentication":
		return "kbdinteractiveauthentication"
	case "dsaauthentication":
		return "pubkeyauthentication"
	case "pubkeyacceptedkeytypes":
		return "pubkeyacceptedalgorithms"
	case "hostbasedacceptedkeytypes":
		return "hostbasedacceptedalgorithms"
	case "authorizedkeysfile2":
		return "authorizedkeysfile"
	case "keepalive":
		return "tcpkeepalive"
	case "hostdsakey":
		return "hostkey"
	}
	return key
}
