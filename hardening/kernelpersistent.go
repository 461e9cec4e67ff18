package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// persistentControl wants every kept setting to be after a restart what it is now.
func persistentControl() Control {
	c := Control{
		ID: "KRN-13", Title: "The kernel's settings are those that a restart brings", Severity: Medium,
		Why:   "a setting that only runs is gone after the next restart, and one that only stands in a file was never tried",
		Want:  "the last writer of each kept key in sysctl.d has the value that /proc/sys has",
		Refs:  []string{"lynis KRNL-6000 (running values only)", "CIS Debian 12 3.3 (running and on disk)"},
		Needs: []Part{PartSysctls, PartFiles}, Files: []string{sysctlFile},
		Check: checkPersistent, Mend: mendPersistent,
	}
	for _, s := range sysctlSettings() {
		c.Sysctls = append(c.Sysctls, s.key)
	}
	return c
}

func checkPersistent(f *facts.Facts, p Policy) Verdict {
	var wrong, drifted []string
	set := 0
	for _, s := range p.keptSettings(f) {
		for _, key := range s.keys(f) {
			is := f.Sysctls[key]
			if !is.Absent && is.Value == "" {
				return unknown("this kernel shows no " + key)
			}
			if is.Absent || is.Origin == "" {
				continue
			}
			set++
			if is.Value != is.Persistent {
				wrong = append(wrong, fmt.Sprintf("/proc/sys: %s = %s, %s", key, is.Value, afterRestart(key, is)))
				drifted = append(drifted, key+"="+is.Value)
			}
		}
	}
	if set == 0 {
		wrong = []string{"no file in sysctl.d sets any of the kept keys"}
	}
	have := fmt.Sprintf("keys that a file sets: %d", set)
	if len(drifted) > 0 {
		have += ", but now " + strings.Join(drifted, " ")
	}
	return decide(wrong, have, "the same now and after a restart")
}

// keptSettings are those that are to hold on this host.
func (p Policy) keptSettings(f *facts.Facts) []sysctlSetting {
	return slices.DeleteFunc(sysctlSettings(), func(s sysctlSetting) bool {
		return s.cluster && p.Cluster == nil || s.foreign(f) || p.waived(s.control)
	})
}

func mendPersistent(f *facts.Facts, p Policy) Mend {
	m := mendSysctls(f, p, p.keptSettings(f), nil)
	for _, s := range p.keptSettings(f) {
		for _, key := range s.keys(f) {
			if is := f.Sysctls[key]; !is.Absent && is.Origin != "" && is.Value != is.Persistent && s.holds(is.Persistent) && m.Sysctls[key] == "" {
				m.set(key, is.Persistent, is)
			}
		}
	}
	return m
}
