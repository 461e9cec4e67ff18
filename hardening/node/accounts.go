package node

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Where accounts are kept.
const (
	passwdFile = "/etc/passwd"
	shadowFile = "/etc/shadow"
	groupFile  = "/etc/group"
	shellsFile = "/etc/shells"
	loginDefs  = "/etc/login.defs"
)

// maxDotfiles ends the look into a home that is full of hidden files.
const maxDotfiles = 1000

// accountFacts reads the host's own files: what another source of names adds
// has no password here.
func (h Host) accountFacts() (*facts.Accounts, error) {
	texts := map[string]string{}
	for _, p := range []string{passwdFile, shadowFile, groupFile, shellsFile, loginDefs} {
		b, err := h.readSmall(p)
		if isAbsent(err) && (p == shellsFile || p == loginDefs) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read accounts: %w", err)
		}
		texts[p] = string(b)
	}
	var a facts.Accounts
	var err error
	if a.Users, err = parsePasswd(texts[passwdFile], parseShadow(texts[shadowFile])); err != nil {
		return nil, fmt.Errorf("read accounts: %s: %w", passwdFile, err)
	}
	if a.Groups, err = parseGroups(texts[groupFile]); err != nil {
		return nil, fmt.Errorf("read accounts: %s: %w", groupFile, err)
	}
	a.Shells = wordLines(texts[shellsFile])
	a.Umask = loginDefault(texts[loginDefs], "UMASK")
	a.Homes, err = h.homes(a.Users)
	return &a, err
}

// parsePasswd reads the accounts. A line that is none of NIS' is refused where
// it cannot be understood: an account that is overlooked could be root's twin.
func parsePasswd(text string, shadow map[string]shadowLine) ([]facts.User, error) {
	var users []facts.User
	for n, line := range databaseLines(text) {
		f := strings.Split(line, ":")
		if len(f) != 7 || f[0] == "" {
			return nil, fmt.Errorf("line %d is no account", n)
		}
		uid, uidErr := strconv.ParseUint(f[2], 10, 32)
		gid, gidErr := strconv.ParseUint(f[3], 10, 32)
		if uidErr != nil || gidErr != nil {
			return nil, fmt.Errorf("line %d has no number for %s", n, f[0])
		}
		u := facts.User{Name: f[0], UID: int(uid), GID: int(gid), Home: f[5], Shell: f[6], Shadowed: f[1] == "x"}
		s, found := shadow[u.Name]
		switch {
		case !u.Shadowed:
			s = shadowLine{kind: passwordKind(f[1]), changed: -1, max: -1, inactive: -1, expires: -1}
		case !found:
			s = shadowLine{kind: facts.PasswordNone, changed: -1, max: -1, inactive: -1, expires: -1}
		}
		u.Password, u.Changed, u.MaxDays, u.Inactive, u.Expires = s.kind, s.changed, s.max, s.inactive, s.expires
		users = append(users, u)
	}
	return users, nil
}

// databaseLines yields the lines of a user database with their numbers,
// without those that stand for NIS.
func databaseLines(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			line = strings.TrimRight(line, "\r\n")
			if strings.TrimSpace(line) == "" || strings.ContainsRune("+-#", rune(line[0])) {
				continue
			}
			if !yield(n, line) {
				return
			}
		}
	}
}

// shadowLine is what may be told of a line of /etc/shadow.
type shadowLine struct {
	kind                            string
	changed, max, inactive, expires int
}

func parseShadow(text string) map[string]shadowLine {
	out := map[string]shadowLine{}
	for _, line := range databaseLines(text) {
		f := strings.Split(line, ":")
		f = append(f, make([]string, 9)...) // old lines are shorter
		if _, taken := out[f[0]]; !taken {
			out[f[0]] = shadowLine{kind: passwordKind(f[1]), changed: days(f[2]), max: days(f[4]), inactive: days(f[6]), expires: days(f[7])}
		}
	}
	return out
}

func days(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// passwordKind names the kind of a hash and forgets the hash.
func passwordKind(hash string) string {
	switch {
	case hash == "":
		return facts.PasswordEmpty
	case strings.HasPrefix(hash, "!") || strings.HasPrefix(hash, "*"):
		return facts.PasswordLocked
	case !strings.HasPrefix(hash, "$"):
		if len(hash) == 13 || strings.HasPrefix(hash, "_") {
			return "des"
		}
		return facts.PasswordLocked // no hash looks like this
	}
	id, _, _ := strings.Cut(hash[1:], "$")
	id, _, _ = strings.Cut(id, ",")
	for name, ids := range map[string][]string{
		"md5": {"1", "md5"}, "bcrypt": {"2", "2a", "2b", "2x", "2y"}, "nt": {"3"}, "sha1": {"sha1"}, "sha256": {"5"}, "sha512": {"6"},
		"scrypt": {"7"}, "yescrypt": {"y"}, "gost-yescrypt": {"gy"}, "sm3": {"sm3"},
	} {
		if slices.Contains(ids, id) {
			return name
		}
	}
	return "unknown"
}

func parseGroups(text string) ([]facts.Group, error) {
	var groups []facts.Group
	for n, line := range databaseLines(text) {
		f := strings.Split(line, ":")
		if len(f) != 4 || f[0] == "" {
			return nil, fmt.Errorf("line %d is no group", n)
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("line %d has no number for %s", n, f[0])
		}
		g := facts.Group{Name: f[0], GID: int(gid), Members: []string{}}
		for member := range strings.SplitSeq(f[3], ",") {
			if member = strings.TrimSpace(member); member != "" {
				g.Members = append(g.Members, member)
			}
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// wordLines are the lines that say something.
func wordLines(text string) []string {
	out := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// loginDefault is the value of a key of login.defs; the last one counts.
func loginDefault(text, key string) string {
	value := ""
	for _, line := range wordLines(text) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == key {
			value = words[1]
		}
	}
	return value
}

// firstPerson is where Debian begins to count the accounts of people, and
// nobody's number ends them.
const (
	firstPerson = 1000
	nobodysID   = 65534
)

// homes are the folders of root and of the people.
func (h Host) homes(users []facts.User) ([]facts.Home, error) {
	var out []facts.Home
	for _, u := range users {
		person := u.UID >= firstPerson && u.UID != nobodysID
		if u.UID != 0 && !person || !path.IsAbs(u.Home) || path.Clean(u.Home) == "/" {
			continue
		}
		home := facts.Home{User: u.Name, Path: path.Clean(u.Home), Dotfiles: map[string]facts.Stat{}}
		var err error
		if home.Stat, err = h.stat(home.Path); err == nil && home.Stat.Kind == facts.KindFolder {
			err = h.dotfiles(home)
		}
		if err != nil {
			return nil, fmt.Errorf("look into the home of %s: %w", u.Name, err)
		}
		out = append(out, home)
	}
	return out, nil
}

func (h Host) dotfiles(home facts.Home) error {
	names, err := h.names(home.Path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name[0] != '.' || len(home.Dotfiles) >= maxDotfiles {
			continue
		}
		s, err := h.stat(path.Join(home.Path, name))
		if err != nil {
			return err
		}
		if s.Kind == facts.KindFile {
			home.Dotfiles[name] = s
		}
	}
	return nil
}
