package hardening

import (
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// noLimit is the number of days that shadow counts as for ever.
const noLimit = 99999

func checkAdmin(f *facts.Facts, p Policy) Verdict {
	u, found := user(f, p.Admin)
	if !found {
		return unknown(fmt.Sprintf("%q is not in /etc/passwd", p.Admin))
	}
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, u.Name+": "+fmt.Sprintf(format, args...)) }
	if u.Expires >= 0 {
		add("the account ends on day %d of 1970, today is %d", u.Expires, f.System.UnixTime/secondsOfDay)
	}
	if u.Changed == 0 {
		add("a new password is asked for at the next login")
	}
	if u.MaxDays >= 0 && u.MaxDays < noLimit {
		add("the password ends %d days after day %d of 1970, today is %d", u.MaxDays, u.Changed, f.System.UnixTime/secondsOfDay)
	}
	if !slices.Contains(f.Accounts.Shells, u.Shell) || slices.Contains(noShells(), u.Shell) {
		add("shell %q is none of /etc/shells", u.Shell)
	}
	if !hasKnownKey(f, p) {
		add("no key of the inventory opens the account")
	}
	if !becomesRoot(f, p) {
		add("no rule of sudo lets the account become root without a password")
	}
	return decide(wrong, fmt.Sprintf("%s: shell %s, password %s, no expiry, a known key, sudo without a password", u.Name, u.Shell, u.Password), "")
}

const secondsOfDay = 24 * 60 * 60
