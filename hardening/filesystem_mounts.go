package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// executable are the folders from which K3s runs its programs and containers.
func executable() []string { return []string{"/var", "/var/lib/rancher"} }

// mountOf is the mount on which a folder lies: the longest of those above it,
// and of several at one place the last.
func mountOf(f *facts.Facts, folder string) (facts.Mount, bool) {
	var best facts.Mount
	found := false
	for _, m := range f.Mounts {
		above := m.Point == "/" || folder == m.Point || strings.HasPrefix(folder, m.Point+"/")
		if above && len(m.Point) >= len(best.Point) {
			best, found = m, true
		}
	}
	return best, found
}

func mountLine(m facts.Mount) string {
	return fmt.Sprintf("%s: %s, %s", m.Point, m.Type, strings.Join(m.Options, ","))
}

func checkMounts(f *facts.Facts, p Policy) Verdict {
	var wrong []string
	for _, folder := range executable() {
		m, found := mountOf(f, folder)
		if !found {
			return unknown("nothing is mounted at " + folder)
		}
		if slices.Contains(m.Options, "noexec") {
			wrong = append(wrong, fmt.Sprintf("%s (for %s): K3s cannot run from there", mountLine(m), folder))
		}
	}
	if own, why := ownKernel(f, p); !own && len(wrong) == 0 {
		return Verdict{Status: NotApplicable, Evidence: []string{strings.Replace(why, "kernel belongs", "mounts belong", 1) + "; /var lets programs run, as K3s needs"}}
	}
	shm, low := lacking(f, "/dev/shm", "nodev", "nosuid", "noexec"), lacking(f, "/tmp", "nodev", "nosuid")
	all := slices.Concat(wrong, shm, low)
	v := decide(all, inShort(all, "/var lets programs run; /dev/shm and /tmp take no devices and no set-user-ID programs"), "")
	if v.Status == Fail && len(wrong)+len(shm) == 0 {
		v.Severity = Low // a sticky folder on the root disk: nobody gains much
	}
	return v
}

// lacking says which options a mount point lacks, or that it is none.
func lacking(f *facts.Facts, point string, options ...string) []string {
	m, found := mountOf(f, point)
	if !found || m.Point != point {
		return []string{point + " is no file system of its own"}
	}
	var out []string
	for _, o := range options {
		if !slices.Contains(m.Options, o) {
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: without %s", mountLine(m), strings.Join(out, ", "))}
}
