package node

import (
	"fmt"
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
	a.Homes = h.homes(a.Users)
	return &a, nil
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
