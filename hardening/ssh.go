package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// The files of sshd that k3sedge reads or writes.
const (
	sshdConfig  = "/etc/ssh/sshd_config"
	sshdDropIns = "/etc/ssh/sshd_config.d"
	sshdFiles   = sshdDropIns + "/*.conf"
	sshdDropIn  = sshdDropIns + "/00-k3sedge.conf"
	sshdUnit    = "ssh.service"

	cloudConfig = "/etc/cloud/cloud.cfg"
	cloudDropIn = "/etc/cloud/cloud.cfg.d/99-k3sedge.cfg"
	cloudText   = "# Written by k3sedge: cloud-init leaves password logins off at every boot.\nssh_pwauth: false\n"
)

// sshSetting is a keyword that k3sedge's drop-in decides, and the control that judges it.
type sshSetting struct {
	control string
	keyword string // as it is written
	want    string
	// list marks a keyword that may hold further values beside the wanted one.
	list bool
}

// sshSettings are all managed keywords; the drop-in has a line for each.
func sshSettings(p Policy) []sshSetting {
	return []sshSetting{
		{control: "SSH-01", keyword: "PasswordAuthentication", want: "no"},
		{control: "SSH-02", keyword: "KbdInteractiveAuthentication", want: "no"},
		{control: "SSH-03", keyword: "PermitRootLogin", want: "no"},
		{control: "SSH-04", keyword: "PubkeyAuthentication", want: "yes"},
		{control: "SSH-04", keyword: "AuthenticationMethods", want: "publickey"},
		{control: "SSH-07", keyword: "PermitEmptyPasswords", want: "no"},
		{control: "SSH-07", keyword: "HostbasedAuthentication", want: "no"},
		{control: "SSH-07", keyword: "IgnoreRhosts", want: "yes"},
		{control: "SSH-07", keyword: "PermitUserEnvironment", want: "no"},
		{control: "SSH-12", keyword: "AllowUsers", want: p.Admin, list: true},
	}
}

func sshControls() []Control {
	return []Control{
		settingControl(Control{
			ID: "SSH-01", Title: "Password login is off for every user and source", Severity: Critical,
			Why:  "a password can be guessed from anywhere that reaches the port",
			Refs: []string{"dev-sec sshd-27"},
		}),
		settingControl(Control{
			ID: "SSH-02", Title: "Keyboard-interactive login is off", Severity: Critical,
			Why:  "it is password login by another name",
			Refs: []string{"dev-sec sshd-29"},
		}),
		rootLogin(settingControl(Control{
			ID: "SSH-03", Title: "Root login is off", Severity: High,
			Why:  "root is the one name that every attacker knows, and its logins name nobody",
			Refs: []string{"dev-sec sshd-06", "CIS Debian 12 5.1.20"},
		})),
		settingControl(Control{
			ID: "SSH-04", Title: "Public key is the only method", Severity: High,
			Why:  "a method nobody uses is a door nobody watches",
			Refs: []string{"dev-sec sshd-22"},
		}),
		{
			ID: "SSH-05", Title: "No drop-in outranks ours", Severity: High,
			Why:   "sshd takes the first value it reads, so an earlier file wins silently",
			Refs:  []string{"cfengine#2136"},
			Needs: []Part{PartSSHD, PartFiles}, Files: []string{sshdDropIn, cloudConfig, cloudDropIn},
			Check: checkPrecedence, Mend: mendPrecedence,
		},
		{
			ID: "SSH-06", Title: "No Match block weakens a managed keyword", Severity: High,
			Why:   "a Match block gives some users or sources other rules than the ones one reads",
			Refs:  []string{"CIS Debian 12 5.1"},
			Needs: []Part{PartSSHD, PartFiles}, Files: []string{sshdDropIn},
			Check: checkMatches, Mend: mendSSHD,
		},
		settingControl(Control{
			ID: "SSH-07", Title: "Empty passwords, host-based login, rhosts and user environments are off", Severity: High,
			Why:  "each of them lets somebody in, or change the session, without a key",
			Refs: []string{"dev-sec sshd-28,25,23,17", "CIS Debian 12 5.1.10,11,19,21"},
		}),
		settingControl(Control{
			ID: "SSH-12", Title: "Login is restricted to the admin", Severity: Medium,
			Why:  "accounts that packages create must not become logins",
			Refs: []string{"lynis SSH-7440", "CIS Debian 12 5.1.4"},
		}),
		{
			ID: "SSH-16", Title: "sshd's configuration and the authorized keys are as we know them", Severity: High,
			Why:   "a key that nobody knows is a login that nobody knows",
			Refs:  []string{"dev-sec sshd-05", "CIS Debian 12 5.1.1"},
			Needs: []Part{PartSSHD, PartLogins, PartFiles}, Files: []string{sshdConfig, sshdDropIn, sshdFiles},
			Check: checkIntegrity, Mend: mendIntegrity,
		},
	}
}

// settingControl judges the managed keywords that carry the control's ID, in
// every cell of the matrix of users and sources.
func settingControl(c Control) Control {
	c.Needs = []Part{PartSSHD, PartFiles}
	c.Files = []string{sshdDropIn}
	c.Check = func(f *facts.Facts, p Policy) Verdict {
		settings := slices.DeleteFunc(sshSettings(p), func(s sshSetting) bool { return s.control != c.ID })
		return checkSettings(f, p, settings)
	}
	c.Mend = mendSSHD
	return c
}

// rootLogin makes root login by key alone a milder failure than by password.
func rootLogin(c Control) Control {
	check := c.Check
	c.Check = func(f *facts.Facts, p Policy) Verdict {
		v := check(f, p)
		if v.Status != Fail {
			return v
		}
		for _, cell := range f.SSHD.Cells {
			for _, value := range cell.Settings["permitrootlogin"] {
				if !slices.Contains([]string{"no", "prohibit-password", "without-password", "forced-commands-only"}, strings.ToLower(value)) {
					return v
				}
			}
		}
		v.Severity = Medium
		return v
	}
	return c
}

func checkSettings(f *facts.Facts, p Policy, settings []sshSetting) Verdict {
	cells, gap := cellsOf(f, p)
	if gap != "" {
		return unknown(gap)
	}
	var wrong, origins, have, want []string
	for _, s := range settings {
		before := len(wrong)
		want = append(want, s.key()+" "+s.want)
		for _, c := range cells {
			values, printed := c.Settings[s.key()]
			if !printed && !s.list {
				return unknown(fmt.Sprintf("%s: nothing about %s", cellName(c), s.key()))
			}
			have = append(have, shown(s.key(), values))
			if !s.accepts(values) {
				wrong = append(wrong, cellName(c)+": "+shown(s.key(), values))
			}
		}
		if len(wrong) > before {
			origins = append(origins, originLines(f, s.key())...)
		}
	}
	slices.Sort(have)
	return decide(append(origins, wrong...), strings.Join(slices.Compact(have), "; "), strings.Join(want, "; ")+" for every user from every source")
}

// key is the keyword as sshd -T prints it.
func (s sshSetting) key() string { return strings.ToLower(s.keyword) }

// accepts reports whether a cell's values are as wanted. A list must hold the
// wanted value and no pattern that would let in whom nobody named.
func (s sshSetting) accepts(values []string) bool {
	if !s.list {
		return len(values) == 1 && strings.EqualFold(values[0], s.want)
	}
	return slices.Contains(values, s.want) && !slices.ContainsFunc(values, isPattern)
}

func isPattern(user string) bool { return strings.ContainsAny(user, "*?") }

// cellsOf returns the whole matrix, or what of it is missing.
func cellsOf(f *facts.Facts, p Policy) ([]facts.SSHDCell, string) {
	if !f.SSHD.Valid {
		return nil, "sshd -t: " + f.SSHD.Invalid
	}
	for _, user := range p.Users() {
		for _, source := range p.Sources() {
			if !slices.ContainsFunc(f.SSHD.Cells, func(c facts.SSHDCell) bool {
				return c.User == user && c.Address == source && len(c.Settings) > 0
			}) {
				return nil, fmt.Sprintf("sshd -T: no answer for %s from %s", user, source)
			}
		}
	}
	return f.SSHD.Cells, ""
}

func cellName(c facts.SSHDCell) string {
	return fmt.Sprintf("sshd -T -C user=%s,addr=%s", c.User, c.Address)
}

func shown(key string, values []string) string {
	if len(values) == 0 {
		return key + " is not set"
	}
	return key + " " + strings.Join(values, " ")
}
