package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// accountControls are about who is there, and who can log in or become root.
func accountControls() []Control {
	return slices.Concat(identityControls(), sudoControls(), habitControls())
}

func identityControls() []Control {
	accounts := []Part{PartAccounts}
	return []Control{
		{
			ID: "ACC-01", Title: "root alone has the number 0, and every name and number is there once", Severity: Critical,
			Why:   "a second account with root's number is root under a name that nobody watches; two with one number are one",
			Want:  "one account with UID 0, no name or number twice",
			Refs:  []string{"CIS Debian 12 5.4.2.1", "CIS Debian 12 7.2.5-8", "CIS Debian 13 5.4.2.1", "dev-sec os-07"},
			Needs: accounts, Check: checkIdentities,
			Advice: "look who made the account, then `userdel NAME`, or give it a number of its own with `usermod -u UID NAME` (groups: `groupmod -g GID NAME`)",
		},
		{
			ID: "ACC-02", Title: "No password is empty, weakly hashed or outside of shadow", Severity: Critical,
			Why:   "an empty password lets anybody in at the console and by su; an old hash is guessed in hours",
			Want:  "locked, yescrypt, sha512 or as strong, in /etc/shadow",
			Refs:  []string{"CIS Debian 12 7.2.1-2", "CIS Debian 12 5.4.1.4", "CIS Debian 13 7.2.1-2", "lynis AUTH-9229", "lynis AUTH-9283"},
			Needs: accounts, Check: checkHashes,
			Advice: "`passwd -l NAME` for an account that logs in by key alone; `passwd NAME` where somebody needs a password; `pwconv` for hashes outside of /etc/shadow",
		},
		{
			ID: "ACC-03", Title: "root's password is locked", Severity: Medium,
			Why:  "nobody needs it: the admin becomes root by sudo, and the console is reached through the hypervisor",
			Want: "locked",
			Refs: []string{"CIS Debian 12 5.4.2.4", "CIS Debian 13 5.4.2.4"},
			Conflict: "CIS takes a root password or a locked one; konstruktoid locks it. Locked is taken: k3sedge has proven the admin's sudo, " +
				"and a machine that is out of reach is rescued through the guest agent or a snapshot, not by a root password",
			Needs: accounts, Check: checkRootPassword,
			Advice: "`passwd -l root` on the node, after `sudo -n true` has worked for the admin",
		},
		{
			ID: "ACC-04", Title: "The admin is not locked out some day", Severity: High,
			Why:  "sshd asks PAM whether the account has expired, for key logins too: an age limit that fits passwords ends the only way in",
			Want: "no expiry of the account or the password, a known key, a shell of /etc/shells, sudo without a password",
			Refs: []string{"dev-sec ansible-collection-hardening#681", "dev-sec ansible-ssh-hardening#114"},
			Conflict: "CIS 5.4.1.1 (365 days) and dev-sec (60) want passwords to expire; for an account without a password that only locks the admin out, " +
				"so the admin's must not",
			Needs: []Part{PartSystem, PartAccounts, PartLogins, PartSudo}, Check: checkAdmin,
			Advice: "`chage -m 0 -M -1 -I -1 -E -1 ADMIN` for the days, `chage -d $(date +%F) ADMIN` for a forced change, " +
				"`usermod -s /bin/bash ADMIN` for the shell; a key belongs into ssh.authorizedKeys and the account's authorized_keys, NOPASSWD into /etc/sudoers.d",
		},
		{
			ID: "ACC-05", Title: "Accounts of the system have no shell", Severity: Medium,
			Why:   "whoever takes a service over gets a login out of its account",
			Want:  "nologin or false for every number below 1000 but root's",
			Refs:  []string{"CIS Debian 12 5.4.2.7", "CIS Debian 13 5.4.2.7", "dev-sec os-05"},
			Needs: accounts, Check: checkSystemAccounts,
			Advice: "`usermod -s /usr/sbin/nologin NAME` for each that is named",
		},
	}
}

func checkIdentities(f *facts.Facts, _ Policy) Verdict {
	a := f.Accounts
	names, numbers := map[string]int{}, map[int][]string{}
	groups, groupNumbers := map[string]int{}, map[int][]string{}
	for _, u := range a.Users {
		names[u.Name]++
		numbers[u.UID] = append(numbers[u.UID], u.Name)
	}
	for _, g := range a.Groups {
		groups[g.Name]++
		groupNumbers[g.GID] = append(groupNumbers[g.GID], g.Name)
	}
	if !slices.Contains(numbers[0], "root") {
		return unknown("/etc/passwd has no root")
	}
	wrong := slices.Concat(
		twice("/etc/passwd: %s is there %d times", names), shared("/etc/passwd: UID %d is that of %s", numbers),
		twice("/etc/group: %s is there %d times", groups), shared("/etc/group: GID %d is that of %s", groupNumbers))
	return decide(wrong, fmt.Sprintf("UID 0: %s; %d accounts, %d groups", strings.Join(numbers[0], ", "), len(a.Users), len(a.Groups)), "")
}

func twice(format string, counts map[string]int) []string {
	var out []string
	for name, n := range counts {
		if n > 1 {
			out = append(out, fmt.Sprintf(format, name, n))
		}
	}
	slices.Sort(out)
	return out
}

func shared(format string, owners map[int][]string) []string {
	var out []string
	for number, names := range owners {
		if len(names) > 1 {
			out = append(out, fmt.Sprintf(format, number, strings.Join(names, " and ")))
		}
	}
	slices.Sort(out)
	return out
}

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

// firstPerson is where Debian begins to count the accounts of people.
const firstPerson = 1000

// noShells are what an account has that nobody logs in with.
func noShells() []string {
	return []string{"/usr/sbin/nologin", "/sbin/nologin", "/usr/bin/false", "/bin/false"}
}

func checkSystemAccounts(f *facts.Facts, p Policy) Verdict {
	var wrong []string
	seen := 0
	for _, u := range f.Accounts.Users {
		if u.UID == 0 || u.UID >= firstPerson && u.Name != "nobody" || u.Name == p.Admin {
			continue
		}
		seen++
		// sync only writes the disks and ends: Debian has it so.
		if slices.Contains(noShells(), u.Shell) || u.Name == "sync" && strings.HasSuffix(u.Shell, "/sync") {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s (UID %d): shell %q", u.Name, u.UID, u.Shell))
	}
	if seen == 0 {
		return unknown("/etc/passwd has no account of the system")
	}
	have := fmt.Sprintf("%d accounts without a shell", seen)
	if len(wrong) > 0 {
		have = fmt.Sprintf("%d of %d accounts have a shell", len(wrong), seen)
	}
	return decide(wrong, have, "")
}

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
