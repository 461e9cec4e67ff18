package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// The unit that keeps devices and set-user-ID programs out of the folders to
// which everybody writes. systemd mounts /dev/shm without noexec before it reads
// anything of ours, /etc/fstab is the user's, and a /tmp on the root disk stays
// there: it is mounted onto itself.
const (
	mountsUnit = "k3sedge-mounts.service"
	mountsFile = "/etc/systemd/system/" + mountsUnit
	closeShm   = "/usr/bin/mount -o remount,nosuid,nodev,noexec /dev/shm"
	closeTmp   = "/usr/bin/sh -c 'mountpoint -q /tmp || mount --bind /tmp /tmp; exec mount -o remount,bind,nosuid,nodev /tmp'"
	mountsText = `# Written by k3sedge (FS-03); edits are lost at its next run.
[Unit]
Description=No devices and set-user-ID programs in /dev/shm and /tmp
DefaultDependencies=no
After=local-fs.target
Before=systemd-tmpfiles-setup.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-` + closeShm + `
ExecStart=` + closeTmp + `
ExecReload=-` + closeShm + `
ExecReload=` + closeTmp + `

[Install]
WantedBy=sysinit.target
`
)

// shmOptions are what /dev/shm is to be mounted with.
func shmOptions() []string { return []string{"nodev", "nosuid", "noexec"} }

// tmpOptions are what /tmp is to be mounted with.
func tmpOptions() []string { return []string{"nodev", "nosuid"} }

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
	shm, low := lacking(f, "/dev/shm", shmOptions()...), lacking(f, "/tmp", tmpOptions()...)
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

// mendMounts closes /dev/shm and /tmp. What else is mounted how is the user's choice.
func mendMounts(f *facts.Facts, _ Policy) Mend {
	m := Mend{Advice: []string{mountAdvice}}
	at, found := mountOf(f, "/dev/shm")
	shm := found && at.Point == "/dev/shm" && len(lacking(f, "/dev/shm", shmOptions()...)) > 0
	if !shm && len(lacking(f, "/tmp", tmpOptions()...)) == 0 {
		return m
	}
	if differs(f.Files[mountsFile], mountsText, 0o644) {
		m.Files = []facts.FileChange{{Path: mountsFile, Content: mountsText, Mode: 0o644}}
	}
	action := "start"
	if isRunning(f.Units[mountsUnit]) { // it has run, and somebody mounted them anew
		action = "reload"
	}
	m.Units = []facts.UnitChange{{Name: mountsUnit, Action: action}}
	return m
}

const mountAdvice = "/var: take noexec out of /etc/fstab. /dev/shm, where it is no file system of its own: see why with `findmnt /dev/shm`"
