package hardening

import (
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// onlyAdmin reports whether a list of sudo's names nobody but the admin and
// root. A group is whoever joins it tomorrow.
func onlyAdmin(f *facts.Facts, p Policy, users []string) bool {
	for _, u := range users {
		if !strings.HasPrefix(u, "!") && u != "root" && u != "#0" && !isAdmin(f, p, u) {
			return false
		}
	}
	return len(users) > 0
}

func isAdmin(f *facts.Facts, p Policy, name string) bool {
	if name == p.Admin {
		return true
	}
	admin, found := user(f, p.Admin)
	return found && name == "#"+strconv.Itoa(admin.UID)
}

// becomesRoot reports whether sudo makes the admin root without a password: it
// just did, or a rule says so.
func becomesRoot(f *facts.Facts, p Policy) bool {
	if f.Session != nil && f.Session.User == p.Admin {
		return true
	}
	return slices.ContainsFunc(f.Sudo.Rules, func(r facts.SudoRule) bool {
		return r.All && slices.ContainsFunc(r.Users, func(u string) bool { return u == "ALL" || isAdmin(f, p, u) || inGroup(f, p.Admin, u) })
	})
}

// inGroup reports whether %GROUP of sudo's has the account.
func inGroup(f *facts.Facts, name, group string) bool {
	return slices.ContainsFunc(f.Accounts.Groups, func(g facts.Group) bool {
		return "%"+g.Name == group && slices.Contains(g.Members, name)
	})
}
