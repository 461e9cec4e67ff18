package hardening

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func findingOf(t *testing.T, f *facts.Facts, p Policy, id string) Finding {
	t.Helper()
	findings := Judge(f, p).Findings
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		t.Fatalf("no control %s", id)
	}
	return findings[i]
}

// The admin's way to root is either just proven, or a rule of sudo's.
func TestTheAdminBecomesRoot(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	for name, c := range map[string]struct {
		users []string
		all   bool
		want  Status
	}{
		"by name":       {[]string{"admin"}, true, Pass},
		"by number":     {[]string{"#1000"}, true, Pass},
		"by group":      {[]string{"%sudo"}, true, Pass},
		"as everybody":  {[]string{"ALL"}, true, Pass},
		"for a command": {[]string{"admin"}, false, Fail},
		"by no rule":    {[]string{"eve", "%wheel"}, true, Fail},
	} {
		f := hardened(t, p)
		f.Session.User = "alice"
		f.Sudo.Rules = []facts.SudoRule{{Users: c.users, NoPassword: true, All: c.all}}
		if got := findingOf(t, f, p, "ACC-04"); got.Status != c.want {
			t.Errorf("%s: %s %q", name, got.Status, got.Evidence)
		}
	}
	f := hardened(t, p)
	f.Logins[1].Keys = nil
	if got := findingOf(t, f, p, "ACC-04"); got.Status != Fail {
		t.Errorf("no key: %s", got.Status)
	}
}

// The settings of sudo are ours to mend; whom it lets in is the user's.
func TestSudoIsMendedWithoutTouchingItsRules(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Sudo.Defaults = nil
	f.Files[sudoDropIn], f.Files[sudoRotate] = facts.File{}, facts.File{}
	addRule("eve")(f, p)
	plan := PlanFor(f, p)
	if files := plan.Transaction.Files; len(files) != 2 || files[1].Path != sudoDropIn || files[1].Mode != 0o440 {
		t.Errorf("files: %+v", files)
	}
	if len(plan.Blocked) != 1 || !strings.Contains(plan.Blocked[0], "/etc/sudoers:9: x ALL=NOPASSWD: /bin/x") {
		t.Errorf("blocked: %q", plan.Blocked)
	}
}

// One line of su's file changes, and everything else in it stays.
func TestSuIsClosedInTheUsersFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, after string }{
		"Debian's":      {debianSu, strings.Replace(debianSu, "# auth       required   pam_wheel.so", wheelLine, 1)},
		"no comment":    {"auth sufficient pam_rootok.so\naccount include x\n", "auth sufficient pam_rootok.so\n" + wheelLine + "\naccount include x\n"},
		"comment first": {"# auth required pam_wheel.so\nauth sufficient pam_rootok.so\n", "# auth required pam_wheel.so\nauth sufficient pam_rootok.so\n" + wheelLine + "\n"},
		"no root":       {"auth include x\n", ""},
		"trust":         {"auth sufficient pam_rootok.so\nauth sufficient pam_wheel.so trust\n", ""},
	} {
		after, ok := closedSu(c.before)
		if after != c.after || ok != (c.after != "") || ok && !closesSu(after) {
			t.Errorf("%s: %q, %t", name, after, ok)
		}
	}
	p := testPolicy(t)
	f := hardened(t, p)
	f.Files[suFile] = facts.File{Exists: true, Content: "auth include x\n", Mode: 0o644}
	if got := findingOf(t, f, p, "ACC-07"); got.Status != Fail || got.Kept {
		t.Errorf("left to the user: %+v", got)
	}
}

func TestHomesAreClosedWhereTheyAreUsual(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Accounts.Users = append(f.Accounts.Users, facts.User{Name: "git", UID: 1001, Shell: "/bin/sh", Password: facts.PasswordLocked, Shadowed: true})
	f.Accounts.Homes[1].Stat.Mode = 0o2775
	f.Accounts.Homes = append(f.Accounts.Homes, facts.Home{User: "git", Path: "/srv/git", Stat: facts.Stat{Kind: facts.KindFolder, Mode: 0o755, UID: 1001}})
	want := []facts.AttrChange{{Path: "/home/admin", Mode: 0o750, UID: 1000, GID: 1000}}
	if plan := PlanFor(f, p); !slices.Equal(plan.Transaction.Attrs, want) {
		t.Errorf("plan: %+v", plan)
	}
	if mend := findingOf(t, f, p, "ACC-08").Mend; len(mend) != 2 || !strings.Contains(mend[1], "chmod o-rwx,g-w /srv/git") {
		t.Errorf("mend: %q", mend)
	}
	f.Accounts.Homes[1].Stat.Fixed = true // /home is a link to another disk
	if got := findingOf(t, f, p, "ACC-08"); len(PlanFor(f, p).Transaction.Attrs) != 0 || !strings.Contains(got.Mend[0], "chmod o-rwx,g-w /home/admin") {
		t.Errorf("behind a link: %+v", got)
	}
}
