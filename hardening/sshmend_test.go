package hardening

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestGoldenFilesWeWrite(t *testing.T) {
	t.Parallel()
	golden(t, "99-k3sedge.cfg", cloudText)
	golden(t, "nftables.conf", nftConfigText)
	golden(t, "nftables.service.conf", nftUnitText)
}

func TestWhatOverrulesOursIsPutAsideOrNamed(t *testing.T) {
	t.Parallel()
	early, late := sshdDropIns+"/00-a.conf", sshdDropIns+"/50-cloud-init.conf"
	yes := facts.Origin{Key: "passwordauthentication", Value: "yes", Line: 1}
	in := func(file, match string) facts.Origin { o := yes; o.File, o.Match = file, match; return o }
	tests := []struct {
		name    string
		origins []facts.Origin
		aside   []string
		blocked string
	}{
		{"earlier drop-in", []facts.Origin{in(early, "")}, []string{early}, ""},
		{"later drop-in", []facts.Origin{in(late, "")}, nil, ""},
		{"Match in a drop-in", []facts.Origin{{Key: "match", Value: "User bob", File: late, Line: 1}, in(late, "User bob")}, []string{late}, ""},
		{"Match in sshd_config", []facts.Origin{in(sshdConfig, "User bob")}, nil, sshdConfig + ":1: passwordauthentication yes (in Match User bob)"},
		{"before the Include", []facts.Origin{in(sshdConfig, "")}, nil, "take out " + sshdConfig + ":1"},
		{"a drop-in with the port", []facts.Origin{in(early, ""), {Key: "port", Value: "2222", File: early, Line: 2}}, nil, "take out " + early + ":1: passwordauthentication yes; the file is not put aside, for it also says " + early + ":2: port 2222"},
		{"a drop-in with more", []facts.Origin{{Key: "banner", Value: "none", File: early, Line: 7, Match: "User bob"}, in(early, "")}, nil, early + ":7: banner none (in Match User bob)"},
		{"a drop-in with an Include", []facts.Origin{{Key: "include", Value: "/etc/ssh/more.conf", File: early, Line: 1}, in(early, "")}, nil, "include /etc/ssh/more.conf"},
		{"a drop-in of managed keywords", []facts.Origin{in(early, ""), {Key: "permitrootlogin", Value: "yes", File: early, Line: 2}}, []string{early}, ""},
		{"everybody, anywhere", []facts.Origin{{Key: "allowusers", Value: "*", File: late, Line: 3}}, []string{late}, ""},
		{"something else", []facts.Origin{{Key: "usepam", Value: "yes", File: early, Line: 1}}, nil, ""},
	}
	for _, tt := range tests {
		p := testPolicy(t)
		f := stock(t, p)
		f.SSHD.Origins = append([]facts.Origin{include()}, tt.origins...)
		if tt.name == "before the Include" {
			slices.Reverse(f.SSHD.Origins)
		}
		m := mendSSHD(f, p)
		var aside []string
		for _, change := range m.Files {
			if change.Absent {
				aside = append(aside, change.Path)
			}
		}
		if aside = slices.Compact(aside); !slices.Equal(aside, tt.aside) {
			t.Errorf("%s: put aside %q, wanted %q", tt.name, aside, tt.aside)
		}
		if text := strings.Join(m.Blocked, "\n"); !strings.Contains(text, tt.blocked) || (text == "") != (tt.blocked == "") {
			t.Errorf("%s: blocked %q, wanted %q", tt.name, text, tt.blocked)
		}
	}
}

func TestOnceOursIsThereItsPlaceInTheOrderDecides(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	other := facts.Origin{Key: "permitrootlogin", Value: "yes", File: "/etc/ssh/site.conf", Line: 4}
	f.SSHD.Origins = append([]facts.Origin{other}, f.SSHD.Origins...)
	if m := mendSSHD(f, p); len(m.Blocked) != 1 || !strings.Contains(m.Blocked[0], "/etc/ssh/site.conf:4") {
		t.Errorf("mend %+v", m)
	}
}

func TestTheLineThatReadsTheDropIns(t *testing.T) {
	t.Parallel()
	tests := map[facts.Origin]bool{
		{Key: "include", Value: "/etc/ssh/sshd_config.d/*.conf"}:               true,
		{Key: "include", Value: "other sshd_config.d/*.conf"}:                  true,
		{Key: "include", Value: "/etc/ssh/sshd_config.d/*.conf", Match: "all"}: false,
		{Key: "include", Value: "/etc/x.conf"}:                                 false,
		{Key: "banner", Value: "/etc/ssh/sshd_config.d/*.conf"}:                false,
	}
	for o, want := range tests {
		f := &facts.Facts{SSHD: &facts.SSHD{Origins: []facts.Origin{o}}}
		if got := includeIndex(f) == 0; got != want {
			t.Errorf("%+v: %t", o, got)
		}
	}
}

func FuzzOwnRules(f *testing.F) {
	f.Add(debianNftables)
	f.Fuzz(func(t *testing.T, config string) {
		if n, line := ownRules(config); (n == 0) != (line == "") {
			t.Errorf("line %d %q", n, line)
		}
	})
}

func TestKeysAreReportedAndNeverTakenAway(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Logins[1].Keys = append(f.Logins[1].Keys, facts.Key{Fingerprint: "SHA256:x", Type: "ssh-rsa", File: "/home/admin/.ssh/authorized_keys", Line: 2})
	loose := f.Files[sshdConfig]
	loose.Mode = 0o664
	f.Files[sshdConfig] = loose
	loose = f.Files[sshdDropIn]
	loose.UID, loose.Content = 1000, "# drifted\n"+loose.Content
	f.Files[sshdDropIn] = loose
	f.Files[siteDropIn] = facts.File{Exists: true, Content: "# site\n", Mode: 0o620}
	plan := PlanFor(f, p)
	if len(plan.Blocked) != 1 || !strings.Contains(plan.Blocked[0], "authorized_keys:2") || !strings.Contains(plan.Blocked[0], "ssh.authorizedKeys") {
		t.Errorf("blocked %q", plan.Blocked)
	}
	if got, ok := change(plan.Transaction, sshdConfig); !ok || got.Mode != 0o644 || got.Content != f.Files[sshdConfig].Content {
		t.Errorf("sshd_config: %+v", got)
	}
	if got, ok := change(plan.Transaction, siteDropIn); !ok || got.Mode != 0o600 || got.Content != "# site\n" {
		t.Errorf("a site's file: %+v", got)
	}
	if got, ok := change(plan.Transaction, sshdDropIn); !ok || got.Content != dropInText(f, p) {
		t.Errorf("drop-in: %+v", got)
	}
	// Else they are newer than the sshd that runs, which SSH-17 takes for drift.
	if !slices.Contains(plan.Transaction.Units, facts.UnitChange{Name: sshdUnit, Action: "reload"}) {
		t.Errorf("units: %+v", plan.Transaction.Units)
	}
}
