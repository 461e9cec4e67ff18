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

// settingControl judges the managed keywords that carry the control's ID, in
// every cell of the matrix of users and sources.
func settingControl(c Control) Control {
	c.Needs = []Part{PartSSHD, PartFiles}
	c.Files = []string{sshdDropIn}
	c.Check = func(f *facts.Facts, p Policy) Verdict {
		settings := slices.DeleteFunc(sshSettings(f, p), func(s sshSetting) bool { return s.control != c.ID })
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
