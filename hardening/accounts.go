package hardening

import (
	"slices"
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
