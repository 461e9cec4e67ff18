package hardening

import (
	"github.com/k3sedge/k3sedge/hardening/facts"
)

const debianSu = "auth       sufficient pam_rootok.so\n# comment\n# auth       required   pam_wheel.so\n# auth       sufficient pam_wheel.so trust\nsession       required   pam_env.so readenv=1\n"

// addAccountFacts are the accounts of a node that holds every control.
func addAccountFacts(f *facts.Facts, p Policy) {
	account := func(name string, uid int, home, shell string) facts.User {
		return facts.User{Name: name, UID: uid, GID: uid, Home: home, Shell: shell, Password: facts.PasswordLocked, Shadowed: true, Changed: 19000, MaxDays: noLimit, Inactive: -1, Expires: -1}
	}
	folder := func(uid int, mode uint32) facts.Stat {
		return facts.Stat{Kind: facts.KindFolder, Mode: mode, UID: uid, GID: uid}
	}
	f.Accounts = &facts.Accounts{
		Users: []facts.User{
			account("root", 0, "/root", "/bin/bash"), account("daemon", 1, "/usr/sbin", "/usr/sbin/nologin"), account("sync", 4, "/bin", "/bin/sync"),
			account(p.Admin, 1000, "/home/admin", "/bin/bash"), account("nobody", 65534, "/nonexistent", "/usr/sbin/nologin"),
		},
		Groups: []facts.Group{{Name: "root"}, {Name: "sudo", GID: 27, Members: []string{p.Admin}}, {Name: p.Admin, GID: 1000}},
		Shells: []string{"/bin/sh", "/bin/bash"}, Umask: "022",
		Homes: []facts.Home{
			{User: "root", Path: "/root", Stat: folder(0, 0o700)},
			{User: p.Admin, Path: "/home/admin", Stat: folder(1000, 0o750), Dotfiles: map[string]facts.Stat{".bashrc": {Kind: facts.KindFile, Mode: 0o644, UID: 1000}}},
		},
	}
	f.Sudo = &facts.Sudo{
		Installed: true, Valid: true, Files: []string{"/etc/sudoers", "/etc/sudoers.d/90-cloud-init-users", sudoDropIn},
		Defaults: []facts.SudoDefault{{Name: "use_pty", File: sudoDropIn, Line: 2}, {Name: "logfile", Value: sudoLog, File: sudoDropIn, Line: 3}},
		Rules: []facts.SudoRule{
			{Users: []string{"root"}, Text: "root ALL=(ALL:ALL) ALL", File: "/etc/sudoers", Line: 47},
			{Users: []string{"%sudo"}, Text: "%sudo ALL=(ALL:ALL) ALL", File: "/etc/sudoers", Line: 50},
			{Users: []string{p.Admin}, NoPassword: true, All: true, Text: "admin ALL=(ALL) NOPASSWD:ALL", File: "/etc/sudoers.d/90-cloud-init-users", Line: 3},
		},
	}
	su, _ := closedSu(debianSu)
	f.Files[suFile] = facts.File{Exists: true, Content: su, Mode: 0o644}
	f.Files[umaskFile] = facts.File{Exists: true, Content: umaskText, Mode: 0o644}
	f.Files[sudoDropIn] = facts.File{Exists: true, Content: sudoText, Mode: sudoersMode}
	f.Files[sudoRotate] = facts.File{Exists: true, Content: rotateText, Mode: 0o644}
}

// account changes one account of the fixture.
func accountOf(name string, change func(*facts.User)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		for i := range f.Accounts.Users {
			if f.Accounts.Users[i].Name == name {
				change(&f.Accounts.Users[i])
			}
		}
	}
}

func addUser(u facts.User) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Accounts.Users = append(f.Accounts.Users, u) }
}

func addGroup(g facts.Group) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Accounts.Groups = append(f.Accounts.Groups, g) }
}

func addDefault(d facts.SudoDefault) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Sudo.Defaults = append(f.Sudo.Defaults, d) }
}

func addRule(users ...string) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		f.Sudo.Rules = append(f.Sudo.Rules, facts.SudoRule{Users: users, NoPassword: true, Text: "x ALL=NOPASSWD: /bin/x", File: "/etc/sudoers", Line: 9})
	}
}

func adminHome(change func(*facts.Home)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { change(&f.Accounts.Homes[1]) }
}

func dotfile(name string, mode uint32) func(*facts.Facts, Policy) {
	return adminHome(func(h *facts.Home) { h.Dotfiles[name] = facts.Stat{Kind: facts.KindFile, Mode: mode, UID: 1000} })
}

func accountMutations() []mutation {
	person := facts.User{Name: "eve", UID: 1001, Shell: "/bin/bash", Password: "yescrypt", Shadowed: true}
	with := func(change func(*facts.User)) facts.User { u := person; change(&u); return u }
	return []mutation{
		{"a person", addUser(person), Pass, nil},
		{"a second root", addUser(with(func(u *facts.User) { u.UID = 0 })), Fail, []string{"ACC-01"}},
		{"a twin", addUser(with(func(u *facts.User) { u.UID = 1000 })), Fail, []string{"ACC-01"}},
		{"a name twice", addUser(with(func(u *facts.User) { u.Name = "daemon" })), Fail, []string{"ACC-01"}},
		{"a group twice", addGroup(facts.Group{Name: "sudo", GID: 99}), Fail, []string{"ACC-01"}},
		{"a twin group", addGroup(facts.Group{Name: "x", GID: 27}), Fail, []string{"ACC-01"}},
		{"root under another name", accountOf("root", func(u *facts.User) { u.Name = "toor" }), Unknown, []string{"ACC-01", "ACC-03"}},
		{"an empty password", addUser(with(func(u *facts.User) { u.Password = facts.PasswordEmpty })), Fail, []string{"ACC-02"}},
		{"an old hash", addUser(with(func(u *facts.User) { u.Password = "md5" })), Fail, []string{"ACC-02"}},
		{"a hash for all to read", addUser(with(func(u *facts.User) { u.Shadowed = false })), Fail, []string{"ACC-02"}},
		{"no word of a password", addUser(with(func(u *facts.User) { u.Password = "" })), Unknown, []string{"ACC-02"}},
		{"root's password", accountOf("root", func(u *facts.User) { u.Password = "yescrypt" }), Fail, []string{"ACC-03"}},
		{"the account ends", accountOf("admin", func(u *facts.User) { u.Expires = 30000 }), Fail, []string{"ACC-04"}},
		{"the password ends", accountOf("admin", func(u *facts.User) { u.MaxDays = 365 }), Fail, []string{"ACC-04"}},
		{"a new password is due", accountOf("admin", func(u *facts.User) { u.Changed = 0 }), Fail, []string{"ACC-04"}},
		{"no limit at all", accountOf("admin", func(u *facts.User) { u.MaxDays = -1 }), Pass, nil},
		{"the admin has no shell", accountOf("admin", func(u *facts.User) { u.Shell = "/usr/sbin/nologin" }), Fail, []string{"ACC-04"}},
		{"an odd shell", accountOf("admin", func(u *facts.User) { u.Shell = "/opt/sh" }), Fail, []string{"ACC-04"}},
		{"an admin from elsewhere", accountOf("admin", func(u *facts.User) { u.Name, u.UID = "adm", 1002 }), Unknown, []string{"ACC-04"}},
		{"a daemon with a shell", accountOf("daemon", func(u *facts.User) { u.Shell = "/bin/sh" }), Fail, []string{"ACC-05"}},
		{"a daemon without a word", accountOf("daemon", func(u *facts.User) { u.Shell = "" }), Fail, []string{"ACC-05"}},
		{"nobody with a shell", accountOf("nobody", func(u *facts.User) { u.Shell = "/bin/sh" }), Fail, []string{"ACC-05"}},
		{"sync is no shell for others", accountOf("daemon", func(u *facts.User) { u.Shell = "/bin/sync" }), Fail, []string{"ACC-05"}},
		{"sudo is broken", func(f *facts.Facts, _ Policy) { f.Sudo.Valid, f.Sudo.Invalid = false, "/etc/sudoers:3:1: syntax error" }, Unknown, []string{"ACC-06"}},
		{"no sudo", func(f *facts.Facts, _ Policy) { *f.Sudo = facts.Sudo{} }, Unknown, []string{"ACC-06"}},
		{"no terminal", addDefault(facts.SudoDefault{Name: "use_pty", Off: true, File: "/etc/sudoers.d/z", Line: 1}), Fail, []string{"ACC-06"}},
		{"no terminal for some", addDefault(facts.SudoDefault{For: ":eve", Name: "use_pty", Off: true}), Fail, []string{"ACC-06"}},
		{"no log", addDefault(facts.SudoDefault{Name: "logfile", Off: true}), Fail, []string{"ACC-06"}},
		{"another log", addDefault(facts.SudoDefault{Name: "logfile", Value: "/var/log/s"}), Pass, nil},
		{"no settings", func(f *facts.Facts, _ Policy) { f.Sudo.Defaults = nil }, Fail, []string{"ACC-06"}},
		{"nobody is asked", addDefault(facts.SudoDefault{Name: "authenticate", Off: true}), Fail, []string{"ACC-06"}},
		{"the admin is not asked", addDefault(facts.SudoDefault{For: ":admin", Name: "authenticate", Off: true}), Pass, nil},
		{"eve is not asked", addDefault(facts.SudoDefault{For: ":admin,eve", Name: "authenticate", Off: true}), Fail, []string{"ACC-06"}},
		{"no password for eve", addRule("admin", "eve"), Fail, []string{"ACC-06"}},
		{"no password for a group", addRule("%sudo"), Fail, []string{"ACC-06"}},
		{"no password for all", addRule("ALL"), Fail, []string{"ACC-06"}},
		{"no password for the admin's number", addRule("#1000", "root"), Pass, nil},
		{"no password for the admin but eve", addRule("admin", "!eve"), Pass, nil},
		{"no umask", file(umaskFile, func(f *facts.File) { f.Exists = false }), Fail, []string{"ACC-07"}},
		{"a umask of Debian's file", func(f *facts.Facts, _ Policy) {
			f.Files[umaskFile], f.Accounts.Umask = facts.File{}, "077"
		}, Pass, nil},
		{"a weak umask", func(f *facts.Facts, _ Policy) { f.Files[umaskFile], f.Accounts.Umask = facts.File{}, "007" }, Fail, []string{"ACC-07"}},
		{"su for all", file(suFile, func(f *facts.File) { f.Content = debianSu }), Fail, []string{"ACC-07"}},
		{"su by trust", file(suFile, func(f *facts.File) { f.Content += "auth sufficient pam_wheel.so trust\n" }), Fail, []string{"ACC-07"}},
		{"su but for a few", file(suFile, func(f *facts.File) { f.Content = "auth required pam_wheel.so deny group=nosu\n" }), Fail, []string{"ACC-07"}},
		{"no su", file(suFile, func(f *facts.File) { f.Exists = false }), Unknown, []string{"ACC-07"}},
		{"an open home", adminHome(func(h *facts.Home) { h.Stat.Mode = 0o755 }), Fail, []string{"ACC-08"}},
		{"somebody's home", adminHome(func(h *facts.Home) { h.Stat.UID = 1001 }), Fail, []string{"ACC-08"}},
		{"root's home for somebody", adminHome(func(h *facts.Home) { h.Stat.UID = 0 }), Pass, nil},
		{"no home", adminHome(func(h *facts.Home) { h.Stat = facts.Stat{Kind: facts.KindAbsent} }), Pass, nil},
		{"no home at all", func(f *facts.Facts, _ Policy) { f.Accounts.Homes = nil }, Unknown, []string{"ACC-08"}},
		{"a home that does not answer", adminHome(func(h *facts.Home) { h.Stat, h.Problem = facts.Stat{}, "stale file handle" }), Unknown, []string{"ACC-08"}},
		{"an open home that does not answer", adminHome(func(h *facts.Home) { h.Stat.Mode, h.Problem = 0o755, "stale file handle" }), Fail, []string{"ACC-08"}},
		{"a netrc", dotfile(".netrc", 0o600), Fail, []string{"ACC-08"}},
		{"a profile that others write", dotfile(".profile", 0o664), Fail, []string{"ACC-08"}},
		{"a profile", dotfile(".profile", 0o644), Pass, nil},
	}
}
