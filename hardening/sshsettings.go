package hardening

import (
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sshSetting is a keyword that k3sedge's drop-in decides, and the control that judges it.
type sshSetting struct {
	control string
	keyword string // as it is written
	want    string
	// list marks a keyword that may hold further values beside the wanted one.
	list bool
	// adds marks a keyword whose lines all count, wherever they stand.
	adds bool
	// enough accepts other values than the wanted one; nil accepts none.
	enough func(value string) bool
}

// sshSettings are all managed keywords, in the order of the drop-in. The lists
// of algorithms depend on the release, and are left out for one that k3sedge
// does not know; the host keys depend on what the host has.
func sshSettings(f *facts.Facts, p Policy) []sshSetting {
	return slices.Concat(loginSettings(p), cryptoSettings(f), hostKeySettings(f, p), forwardSettings(p), limitSettings(f, p))
}

func loginSettings(p Policy) []sshSetting {
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

// forwardSettings close every kind of forwarding but the one by which k3sedge
// and `kubectl` reach what is named in p.Forwards.
func forwardSettings(p Policy) []sshSetting {
	off := []sshSetting{
		{control: "SSH-13", keyword: "X11Forwarding", want: "no"},
		{control: "SSH-13", keyword: "AllowAgentForwarding", want: "no"},
		{control: "SSH-13", keyword: "AllowStreamLocalForwarding", want: "no"},
		{control: "SSH-13", keyword: "PermitTunnel", want: "no"},
		{control: "SSH-13", keyword: "GatewayPorts", want: "no"},
	}
	if len(p.Forwards) == 0 {
		return append(off,
			sshSetting{control: "SSH-13", keyword: "AllowTcpForwarding", want: "no"},
			sshSetting{control: "SSH-13", keyword: "DisableForwarding", want: "yes"})
	}
	return append(off,
		sshSetting{control: "SSH-13", keyword: "DisableForwarding", want: "no"},
		sshSetting{control: "SSH-13", keyword: "AllowTcpForwarding", want: "local"},
		sshSetting{control: "SSH-13", keyword: "PermitOpen", want: strings.Join(p.Forwards, " ")})
}

func limitSettings(f *facts.Facts, p Policy) []sshSetting {
	out := []sshSetting{
		{control: "SSH-14", keyword: "MaxAuthTries", want: "3", enough: between(1, 4)},
		{control: "SSH-14", keyword: "LoginGraceTime", want: "60", enough: between(1, 60)},
		{control: "SSH-14", keyword: "MaxStartups", want: "10:30:60", enough: startupsAtMost(10, 30, 60)},
		{control: "SSH-14", keyword: "MaxSessions", want: "10", enough: between(4, 10)},
	}
	if debianRelease(f) == "13" {
		out = append(out,
			sshSetting{control: "SSH-14", keyword: "PerSourcePenalties", want: "yes", enough: func(v string) bool { return v != "no" && v != "" }},
			sshSetting{control: "SSH-14", keyword: "PerSourcePenaltyExemptList", want: exempt(p)})
	}
	return append(out,
		sshSetting{control: "SSH-15", keyword: "ClientAliveInterval", want: "300", enough: between(1, 300)},
		sshSetting{control: "SSH-15", keyword: "ClientAliveCountMax", want: "2", enough: between(1, 3)},
		sshSetting{control: "SSH-15", keyword: "LogLevel", want: "VERBOSE"},
		sshSetting{control: "SSH-15", keyword: "PrintLastLog", want: "yes"})
}

// exempt are the admins' networks: whoever mistypes there is not shut out of
// the one port by which he could mend it.
func exempt(p Policy) string {
	out := make([]string, len(p.AllowFrom))
	for i, network := range p.AllowFrom {
		out[i] = network.Masked().String()
	}
	return strings.Join(out, ",")
}

// debianRelease is the release for which there are lists, or "".
func debianRelease(f *facts.Facts) string {
	if f.System == nil || f.System.OS != "debian" || !slices.Contains(sshReleases(), f.System.Release) {
		return ""
	}
	return f.System.Release
}

// keptSettings are those of which the drop-in has a line: not those of a
// control that is waived, nor new ones of a control that is not selected.
func keptSettings(f *facts.Facts, p Policy) []sshSetting {
	content := f.Files[sshdDropIn].Content
	return slices.DeleteFunc(sshSettings(f, p), func(s sshSetting) bool { return !p.keepsLine(s.control, s.line(), content) })
}

// sshKeywords are the keywords that the agent is asked for.
func sshKeywords(p Policy) []string {
	out := []string{"hostkey", "listenaddress", "port"}
	for _, release := range sshReleases() {
		for _, s := range sshSettings(&facts.Facts{System: &facts.System{OS: "debian", Release: release}}, p) {
			out = append(out, s.key())
		}
	}
	return out
}

// line is the setting as the drop-in has it.
func (s sshSetting) line() string { return s.keyword + " " + s.want }

// key is the keyword as sshd -T prints it.
func (s sshSetting) key() string { return strings.ToLower(s.keyword) }

// accepts reports whether a cell's values are as wanted. A list must hold the
// wanted value and no pattern that would let in whom nobody named.
func (s sshSetting) accepts(values []string) bool {
	if s.list {
		return slices.Contains(values, s.want) && !slices.ContainsFunc(values, isPattern)
	}
	return len(values) == 1 && (strings.EqualFold(values[0], s.want) || s.enough != nil && s.enough(values[0]))
}

func isPattern(user string) bool { return strings.ContainsAny(user, "*?") }

// between accepts whole numbers from least to most.
func between(least, most int) func(string) bool {
	return func(value string) bool {
		n, err := strconv.Atoi(value)
		return err == nil && n >= least && n <= most
	}
}

// startupsAtMost accepts START:RATE:FULL that refuses as early, as often and as surely.
func startupsAtMost(start, rate, full int) func(string) bool {
	return func(value string) bool {
		parts := strings.Split(value, ":")
		return len(parts) == 3 && between(1, start)(parts[0]) && between(rate, 100)(parts[1]) && between(1, full)(parts[2])
	}
}
