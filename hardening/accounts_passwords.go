package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// goodHashes are the kinds of a password that an attacker gains little from.
func goodHashes() []string {
	return []string{facts.PasswordLocked, facts.PasswordNone, "yescrypt", "gost-yescrypt", "scrypt", "bcrypt", "sha512"}
}

func checkHashes(f *facts.Facts, _ Policy) Verdict {
	if len(f.Accounts.Users) == 0 {
		return unknown("/etc/passwd has no account")
	}
	var wrong []string
	kinds := map[string]int{}
	for _, u := range f.Accounts.Users {
		if u.Password == "" {
			return unknown("the agent did not say what password " + u.Name + " has")
		}
		kinds[u.Password]++
		if !slices.Contains(goodHashes(), u.Password) {
			wrong = append(wrong, fmt.Sprintf("%s: password %s", u.Name, u.Password))
		} else if !u.Shadowed {
			wrong = append(wrong, u.Name+": the password stands in /etc/passwd, which everybody can read")
		}
	}
	return decide(wrong, tally(kinds), "")
}

// tally is a count by kind, as "3 locked, 1 yescrypt".
func tally(kinds map[string]int) string {
	var out []string
	for kind, n := range kinds {
		out = append(out, fmt.Sprintf("%d %s", n, kind))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// user finds an account by its name.
func user(f *facts.Facts, name string) (facts.User, bool) {
	i := slices.IndexFunc(f.Accounts.Users, func(u facts.User) bool { return u.Name == name })
	if i < 0 {
		return facts.User{}, false
	}
	return f.Accounts.Users[i], true
}

func checkRootPassword(f *facts.Facts, _ Policy) Verdict {
	root, found := user(f, "root")
	if !found || root.Password == "" {
		return unknown("the agent did not say what password root has")
	}
	line := "root: password " + root.Password
	if root.Password != facts.PasswordLocked && root.Password != facts.PasswordNone {
		return decide([]string{line}, root.Password, "")
	}
	return decide(nil, line, "")
}
