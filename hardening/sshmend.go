package hardening

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// dropInText is our drop-in: a line for every managed keyword.
func dropInText(f *facts.Facts, p Policy) string {
	var b strings.Builder
	b.WriteString("# Written by k3sedge; edits are lost at its next run.\n")
	b.WriteString("# sshd takes the first value that it reads, and it reads this file first.\n")
	for _, s := range keptSettings(f, p) {
		b.WriteString(s.line() + "\n")
	}
	return b.String()
}

// mendSSHD puts our drop-in in place and whatever overrules it out of the way.
// A line that stands in sshd_config itself is the user's to take out.
func mendSSHD(f *facts.Facts, p Policy) Mend {
	var m Mend
	if differs(f.Files[sshdDropIn], dropInText(f, p), 0o644) {
		m.Files = append(m.Files, facts.FileChange{Path: sshdDropIn, Content: dropInText(f, p), Mode: 0o644})
	}
	if includeIndex(f) < 0 {
		m.Blocked = append(m.Blocked, fmt.Sprintf("%s does not read the drop-ins: make `Include %s/*.conf` its first line", sshdConfig, sshdDropIns))
	}
	for _, o := range offenders(f, p) {
		if blocked := whyNotAside(f, o, p); blocked != "" {
			m.Blocked = append(m.Blocked, blocked)
			continue
		}
		m.Files = append(m.Files, facts.FileChange{Path: o.File, Absent: true})
	}
	m.reloadSSHD()
	return m
}

// reloadSSHD has sshd read what is changed: files that are newer than the sshd
// that runs are what SSH-17 takes for drift.
func (m *Mend) reloadSSHD() {
	reload := facts.UnitChange{Name: sshdUnit, Action: "reload"}
	if len(m.Files)+len(m.Attrs) > 0 && !slices.Contains(m.Units, reload) {
		m.Units = append(m.Units, reload)
	}
}

// mendPrecedence does the same, and keeps cloud-init from turning passwords on.
func mendPrecedence(f *facts.Facts, p Policy) Mend {
	m := mendSSHD(f, p)
	if cloudInitMayUndo(f) {
		m.Files = append(m.Files, facts.FileChange{Path: cloudDropIn, Content: cloudText, Mode: 0o644})
	}
	return m
}

// offenders are the lines that would still overrule our drop-in once it is there.
func offenders(f *facts.Facts, p Policy) []facts.Origin {
	out := weakMatches(f, p)
	for i, o := range f.SSHD.Origins {
		if o.Match == "" && o.File != sshdDropIn && isManaged(f, o.Key, p) && overrules(f, p, i) {
			out = append(out, o)
		}
	}
	return out
}

// overrules reports whether line i counts although our drop-in says otherwise.
// AllowUsers and HostKey add up over all files, wherever they rank.
func overrules(f *facts.Facts, p Policy, i int) bool {
	o := f.SSHD.Origins[i]
	switch o.Key {
	case "hostkey":
		return !slices.ContainsFunc(hostKeySettings(f, p), func(s sshSetting) bool { return s.want == o.Value })
	case "allowusers":
		return outranks(f, i) || slices.ContainsFunc(strings.Fields(o.Value), isPattern)
	}
	return outranks(f, i)
}

// whyNotAside says why the file of o cannot be put aside, or "". What the
// file says beyond our keywords would go with it.
func whyNotAside(f *facts.Facts, o facts.Origin, p Policy) string {
	if path.Dir(o.File) != sshdDropIns {
		return fmt.Sprintf("take out %s", originLine(o))
	}
	for _, other := range f.SSHD.Origins {
		if other.File == o.File && other.Key != "match" && !isManaged(f, other.Key, p) {
			return fmt.Sprintf("take out %s; the file is not put aside, for it also says %s", originLine(o), originLine(other))
		}
	}
	return ""
}

// isManaged reports whether our drop-in decides key.
func isManaged(f *facts.Facts, key string, p Policy) bool {
	return slices.ContainsFunc(keptSettings(f, p), func(s sshSetting) bool { return s.key() == key })
}

// checkIntegrity wants root's files, and no key that the inventory does not name.
func checkIntegrity(f *facts.Facts, p Policy) Verdict {
	if !f.Files[sshdConfig].Exists {
		return unknown(sshdConfig + " is not there")
	}
	var wrong []string
	for _, file := range looseSSHFiles(f) {
		wrong = append(wrong, modeLine(f, file))
	}
	keys := 0
	for _, login := range f.Logins {
		keys += len(login.Keys)
		for _, k := range login.Keys {
			if complaint := keyComplaint(k, p); complaint != "" {
				wrong = append(wrong, keyName(login.User, k)+": "+complaint)
			}
		}
	}
	for _, o := range unseenKeys(f) {
		wrong = append(wrong, originLine(o))
	}
	if !slices.ContainsFunc(f.Logins, func(l facts.Login) bool { return l.User == p.Admin }) {
		wrong = append(wrong, "no account "+p.Admin)
	}
	return decide(wrong, fmt.Sprintf("%d keys; complaints: %d", keys, len(wrong)),
		"root's files with mode 0600 or 0644; only the keys of ssh.authorizedKeys, none weak")
}

// mendIntegrity makes the files root's again. Keys are reported, never taken
// away: one of them may be the only way in.
func mendIntegrity(f *facts.Facts, p Policy) Mend {
	var m Mend
	for _, file := range looseSSHFiles(f) {
		have := f.Files[file]
		change := facts.FileChange{Path: file, Content: have.Content, Mode: have.Mode&0o644 | 0o600}
		if file == sshdDropIn {
			change.Content, change.Mode = dropInText(f, p), 0o644
		}
		m.Files = append(m.Files, change)
	}
	m.reloadSSHD()
	for _, login := range f.Logins {
		for _, k := range login.Keys {
			if complaint := keyComplaint(k, p); complaint != "" {
				m.Blocked = append(m.Blocked, fmt.Sprintf("%s is %s: take the line out, or name the key in ssh.authorizedKeys if it is yours and strong",
					keyName(login.User, k), complaint))
			}
		}
	}
	for _, o := range unseenKeys(f) {
		m.Blocked = append(m.Blocked, fmt.Sprintf("take out %s: it lets in keys that nobody can look at", originLine(o)))
	}
	if !slices.ContainsFunc(f.Logins, func(l facts.Login) bool { return l.User == p.Admin }) {
		m.Blocked = append(m.Blocked, fmt.Sprintf("there is no account %s: make it, or correct ssh.user", p.Admin))
	}
	return m
}

// unseenKeys are the lines by which sshd takes keys that the facts do not show:
// a program's, an authority's, or those of files that only some logins have.
func unseenKeys(f *facts.Facts) []facts.Origin {
	var out []facts.Origin
	for _, o := range f.SSHD.Origins {
		unseen := false
		switch o.Key {
		case "authorizedkeyscommand", "trustedusercakeys":
			unseen = o.Value != "none"
		case "authorizedkeysfile":
			unseen = o.Match != ""
		}
		if unseen && !isTransferOnly(f, o) {
			out = append(out, o)
		}
	}
	return out
}

// looseSSHFiles are sshd's files that somebody else than root could write.
func looseSSHFiles(f *facts.Facts) []string {
	return looseFiles(f, 0o644, func(name string) bool { return name == sshdConfig || path.Dir(name) == sshdDropIns })
}

func keyName(user string, k facts.Key) string {
	return fmt.Sprintf("%s:%d: %s %s for %s", k.File, k.Line, k.Type, k.Fingerprint, user)
}

func keyComplaint(k facts.Key, p Policy) string {
	const enough = 3072
	switch {
	case !slices.Contains(p.Keys, k.Fingerprint):
		return "a key that the inventory does not name"
	case k.Type == "ssh-dss":
		return "a DSA key"
	case k.Type == "ssh-rsa" && k.Bits < enough:
		return fmt.Sprintf("an RSA key of %d bits", k.Bits)
	}
	return ""
}
