package hardening

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// looseConf are the settings of apt's by which an unsigned archive passes.
func looseConf() []string {
	return []string{
		"apt::get::allowunauthenticated", "apt::get::allow-unauthenticated", "acquire::allowinsecurerepositories",
		"acquire::allowweakrepositories", "acquire::allowdowngradetoinsecurerepositories",
	}
}

// strictConf are those that must not be turned off.
func strictConf() []string {
	return []string{"acquire::check-valid-until", "acquire::https::verify-peer", "acquire::https::verify-host"}
}

func checkSources(f *facts.Facts, _ Policy) Verdict {
	a := f.Apt
	if len(a.Sources) == 0 {
		return unknown("/etc/apt names no source")
	}
	var wrong []string
	for _, key := range looseConf() {
		if value := lastConf(f, key); isOn(value) {
			wrong = append(wrong, fmt.Sprintf("%s is %q", key, value))
		}
	}
	for _, key := range strictConf() {
		if value := lastConf(f, key); value != "" && !isOn(value) {
			wrong = append(wrong, fmt.Sprintf("%s is %q", key, value))
		}
	}
	strangers := strangeKeyrings(a.Keyrings)
	unsigned := 0
	for _, s := range a.Sources {
		wrong = append(wrong, looseSource(s)...)
		if !s.SignedBy {
			unsigned++
		}
		if !s.SignedBy && len(strangers) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s names no key, and %s may sign it", sourceLine(s), strings.Join(strangers, ", ")))
		}
	}
	return decide(wrong, inShort(wrong, fmt.Sprintf("%d sources, %d of them signed by Debian's own keys", len(a.Sources), unsigned)), "")
}

// looseSource are the options of a source that let an unsigned archive pass.
func looseSource(s facts.AptSource) []string {
	var out []string
	for _, key := range []string{"trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure"} {
		if isOn(s.Options[key]) {
			out = append(out, fmt.Sprintf("%s: %s=%s", sourceLine(s), key, s.Options[key]))
		}
	}
	if value := s.Options["check-valid-until"]; value != "" && !isOn(value) {
		out = append(out, sourceLine(s)+": check-valid-until="+value)
	}
	return out
}

func sourceLine(s facts.AptSource) string {
	return fmt.Sprintf("%s:%d: %s %s", s.File, s.Line, s.URI, s.Suite)
}

// strangeKeyrings are the keys for every source that are not of Debian's own package.
func strangeKeyrings(files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool {
		return strings.HasPrefix(path.Base(f), "debian-archive-")
	})
}

func checkPrograms(f *facts.Facts, _ Policy) Verdict {
	var wrong, have []string
	for _, name := range verified() {
		p, found := f.Integrity[name]
		if gap := entryGaps(f, PartIntegrity, []string{name}, f.Integrity); !found || p.Checked == 0 {
			return unknown(append(gap, name+" is not installed, or came without checksums")...)
		}
		have = append(have, fmt.Sprintf("%s %d", name, p.Checked))
		for _, file := range p.Changed {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not as packaged", name, file))
		}
	}
	return decide(wrong, inShort(wrong, "programs compared: "+strings.Join(have, ", ")), "")
}
