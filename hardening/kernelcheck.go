package hardening

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// checkSysctls judges settings in the kernel and as they will be after a
// restart. The optional keys must be 1 where this kernel has them.
func checkSysctls(f *facts.Facts, settings []sysctlSetting, optional []string) Verdict {
	for _, s := range settings {
		if s.foreign(f) {
			return Verdict{Status: NotApplicable, Evidence: []string{s.key + " belongs to the machine that this container runs on"}}
		}
	}
	all, missing := see(f, settings)
	if missing != "" {
		return unknown("this kernel shows no " + missing)
	}
	for _, key := range optional {
		is := f.Sysctls[key]
		switch {
		case !is.Absent && is.Value == "":
			return unknown("no value of " + key)
		case !is.Absent && is.Value != "1":
			all.have = append(all.have, key+"="+is.Value)
			all.wrong = append(all.wrong, fmt.Sprintf("/proc/sys: %s = %s", key, is.Value))
		}
	}
	return decide(all.wrong, strings.Join(all.have, " "), strings.Join(all.want, " ")+", now and after a restart")
}

// seen is what the kernel and its files say of settings.
type seen struct{ have, want, wrong []string }

// see looks at all keys of the settings, and returns the first one of which
// there is no value.
func see(f *facts.Facts, settings []sysctlSetting) (out seen, missing string) {
	for _, s := range settings {
		for _, key := range s.keys(f) {
			is := f.Sysctls[key]
			if is.Absent && (s.optional || key != s.key) {
				continue // of an interface that has gone in the meantime, too
			}
			if is.Absent || is.Value == "" {
				return out, key
			}
			out.have, out.want = append(out.have, key+"="+is.Value), append(out.want, key+"="+s.want)
			out.wrong = append(out.wrong, s.wrong(key, is)...)
		}
	}
	return out, ""
}

// wrong says what does not hold of one key.
func (s sysctlSetting) wrong(key string, is facts.Sysctl) []string {
	var out []string
	if !s.holds(is.Value) {
		out = append(out, fmt.Sprintf("/proc/sys: %s = %s", key, is.Value))
	}
	if !s.holds(is.Persistent) {
		out = append(out, afterRestart(key, is))
	}
	return out
}

func afterRestart(key string, is facts.Sysctl) string {
	if is.Origin == "" {
		return "after a restart: no file sets " + key
	}
	return fmt.Sprintf("after a restart: %s: %s = %s", is.Origin, key, is.Persistent)
}

func mendSysctls(f *facts.Facts, p Policy, settings []sysctlSetting, optional []string) Mend {
	m := Mend{Sysctls: map[string]string{}}
	for _, s := range settings {
		for _, key := range s.keys(f) {
			is := f.Sysctls[key]
			if is.Absent {
				continue
			}
			if !s.holds(is.Value) {
				m.set(key, s.want, is)
			}
			if !s.holds(is.Persistent) {
				m.keep(f, p, key)
			}
		}
	}
	for _, key := range optional {
		if is := f.Sysctls[key]; !is.Absent && is.Value != "1" {
			m.set(key, "1", is)
		}
	}
	return m
}

// set changes a kernel setting at once, where it is this machine's to change.
func (m *Mend) set(key, value string, is facts.Sysctl) {
	if is.ReadOnly {
		m.Blocked = append(m.Blocked, fmt.Sprintf("%s belongs to the machine that this container runs on: set it to %s there", key, value))
		return
	}
	m.Sysctls[key] = value
}

// keep writes the file that sets a key at the next start, unless another one
// has the last word. All that the file sets then holds at once, too: what is
// true after a restart only is a surprise.
func (m *Mend) keep(f *facts.Facts, p Policy, key string) {
	text, is := sysctlText(f, p), f.Sysctls[key]
	if later(is.Origin) || is.Origin != "" && !differs(f.Files[sysctlFile], text, 0o644) {
		m.Blocked = append(m.Blocked, fmt.Sprintf("take %s out of %s: it overrules %s", key, is.Origin, sysctlFile))
		return
	}
	m.Files = []facts.FileChange{{Path: sysctlFile, Content: text, Mode: 0o644}}
	for _, s := range p.ownSettings(f) {
		for _, key := range s.keys(f) {
			if is := f.Sysctls[key]; is.Value != "" && is.Value != s.want && !is.ReadOnly && !later(is.Origin) {
				m.Sysctls[key] = s.want
			}
		}
	}
}

// later reports whether a file is read after ours.
func later(file string) bool { return path.Base(file) > path.Base(sysctlFile) }

// ownSettings are those that this run keeps on this host.
func (p Policy) ownSettings(f *facts.Facts) []sysctlSetting {
	return slices.DeleteFunc(p.keptSettings(f), func(s sysctlSetting) bool { return !p.Selection.Selects(s.control) })
}

// sysctlText is the file that keeps the settings. It has none of those that a
// container would fail to set at its start.
func sysctlText(f *facts.Facts, p Policy) string {
	var b strings.Builder
	b.WriteString("# Written by k3sedge; edits are lost at its next run.\n")
	control := ""
	for _, s := range sysctlSettings() {
		line := s.key + " = " + s.want
		if s.cluster && p.Cluster == nil || s.foreign(f) || !p.keepsLine(s.control, line, f.Files[sysctlFile].Content) {
			continue
		}
		if s.control != control {
			control = s.control
			b.WriteString("# " + control + "\n")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
