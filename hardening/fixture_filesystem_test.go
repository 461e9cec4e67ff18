package hardening

import (
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// addFilesystemFacts are the owners and modes of a node that holds every control.
func addFilesystemFacts(f *facts.Facts) {
	if f.Stats == nil {
		f.Stats = map[string]facts.Stat{}
	}
	for _, r := range append(identityFiles(), rootsPrograms()...) {
		s := facts.Stat{Kind: facts.KindFile, Mode: r.most}
		switch {
		case strings.Contains(r.path, "*"):
			s = facts.Stat{Kind: facts.KindListed}
		case len(r.groups) > 0:
			s.GID = r.groups[0]
		case r.most == 0o700 || r.most == 0o750:
			s.Kind = facts.KindFolder
		}
		f.Stats[r.path] = s
	}
	f.Stats["/etc/sudoers.d/README"] = facts.Stat{Kind: facts.KindFile, Mode: 0o440}
}

func stat(path string, change func(*facts.Stat)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		have := f.Stats[path]
		change(&have)
		f.Stats[path] = have
	}
}

func filesystemMutations() []mutation {
	file := facts.Stat{Kind: facts.KindFile, Mode: 0o644}
	return []mutation{
		{"hashes for all", stat("/etc/shadow", func(s *facts.Stat) { s.Mode = 0o644 }), Fail, []string{"FS-01"}},
		{"hashes for another group", stat("/etc/shadow", func(s *facts.Stat) { s.GID = 100 }), Fail, []string{"FS-01"}},
		{"the last hashes for all", stat("/etc/gshadow-", func(s *facts.Stat) { s.Mode = 0o644 }), Fail, []string{"FS-01"}},
		{"tighter hashes", stat("/etc/shadow", func(s *facts.Stat) { s.Mode, s.GID = 0o600, 0 }), Pass, nil},
		{"a writable passwd", stat("/etc/passwd", func(s *facts.Stat) { s.Mode = 0o664 }), Fail, []string{"FS-01"}},
		{"somebody's passwd", stat("/etc/passwd", func(s *facts.Stat) { s.UID = 1000 }), Fail, []string{"FS-01"}},
		{"no passwd", stat("/etc/passwd", func(s *facts.Stat) { *s = facts.Stat{Kind: facts.KindAbsent} }), Unknown, []string{"FS-01"}},
		{"no opasswd", stat("/etc/security/opasswd", func(s *facts.Stat) { *s = facts.Stat{Kind: facts.KindAbsent} }), Pass, nil},
		{"passwd is a link", stat("/etc/passwd", func(s *facts.Stat) { s.Kind, s.Mode = facts.KindLink, 0o666 }), Fail, []string{"FS-01"}},
		{"an open crontab", stat("/etc/crontab", func(s *facts.Stat) { s.Mode = 0o644 }), Fail, []string{"FS-02"}},
		{"somebody's cron job", stat("/etc/cron.d/x", func(s *facts.Stat) { *s = file; s.UID = 1000 }), Fail, []string{"FS-02"}},
		{"root's cron job", stat("/etc/cron.d/x", func(s *facts.Stat) { *s = file }), Pass, nil},
		{"an open sudoers file", stat("/etc/sudoers.d/x", func(s *facts.Stat) { *s = file }), Fail, []string{"FS-02"}},
		{"a link to nowhere", stat("/etc/cron.d/x", func(s *facts.Stat) { *s = facts.Stat{Kind: facts.KindLink} }), Pass, nil},
		{"the boot menu", stat(grubConfig, func(s *facts.Stat) { s.Mode = 0o444 }), Fail, []string{"FS-02"}},
		{"no boot menu", stat(grubConfig, func(s *facts.Stat) { *s = facts.Stat{Kind: facts.KindAbsent} }), Pass, nil},
		{"cron.d not listed", func(f *facts.Facts, _ Policy) { delete(f.Stats, "/etc/cron.d/*") }, Unknown, []string{"FS-02"}},
	}
}
