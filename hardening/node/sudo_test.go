package node

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestSudo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, sudoers, "# comment\nDefaults\tenv_reset, use_pty\nUser_Alias OPS = alice, bob : DEV = eve, OPS\n"+
		"Defaults:DEV,\\\n  carol !authenticate\nroot ALL=(ALL:ALL) ALL # all\n#includedir /etc/sudoers.d\n@include /etc/none\n")
	w.put(t, "/etc/sudoers.d/a", "DEV ALL = (root) NOPASSWD: SETENV: ALL\n")
	w.put(t, "/etc/sudoers.d/b", "#1000 web1, web2 = PASSWD: /bin/a, NOPASSWD: /bin/b\\, x, \"/bin/NOPASSWD: c\"\nDefaults logfile=\"/var/log/a b,c\"\n")
	w.put(t, "/etc/sudoers.d/no.conf", "x ALL=NOPASSWD: ALL\n")
	w.put(t, "/etc/sudoers.d/no~", "x ALL=NOPASSWD: ALL\n")
	s, err := w.host().sudo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !s.Installed || !s.Valid || !slices.Equal(s.Files, []string{sudoers, "/etc/sudoers.d/a", "/etc/sudoers.d/b"}) {
		t.Errorf("sudo: %+v", s)
	}
	defaults := []facts.SudoDefault{
		{Name: "env_reset", File: sudoers, Line: 2}, {Name: "use_pty", File: sudoers, Line: 2},
		{For: ":eve,alice,bob,carol", Name: "authenticate", Off: true, File: sudoers, Line: 4},
		{Name: "logfile", Value: "/var/log/a b,c", File: "/etc/sudoers.d/b", Line: 2},
	}
	if !slices.Equal(s.Defaults, defaults) {
		t.Errorf("defaults: %+v", s.Defaults)
	}
	if len(s.Rules) != 3 || s.Rules[0].NoPassword || !s.Rules[1].All || !slices.Equal(s.Rules[1].Users, []string{"eve", "alice", "bob"}) ||
		!s.Rules[2].NoPassword || s.Rules[2].All || !slices.Equal(s.Rules[2].Users, []string{"#1000"}) || s.Rules[2].Line != 1 {
		t.Errorf("rules: %+v", s.Rules)
	}
}

func TestSudoRules(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]facts.SudoRule{
		"admin ALL=(ALL) NOPASSWD:ALL":              {Users: []string{"admin"}, NoPassword: true, All: true},
		"a, b ALL = NOPASSWD : ALL":                 {Users: []string{"a", "b"}, NoPassword: true, All: true},
		"a ALL = (bob) NOPASSWD: ALL":               {Users: []string{"a"}, NoPassword: true},
		"a ALL = (bob, root) NOPASSWD: ALL":         {Users: []string{"a"}, NoPassword: true, All: true},
		"a ALL = ALL":                               {Users: []string{"a"}},
		"a h1 = /bin/x : h2 = NOPASSWD: /bin/y":     {Users: []string{"a"}, NoPassword: true},
		`"%domain users" ALL = NOPASSWD: ALL`:       {Users: []string{"%domain users"}, NoPassword: true, All: true},
		`%domain\ users ALL = ALL`:                  {Users: []string{`%domain\ users`}},
		"!eve, ALL ALL = NOPASSWD: ALL, !/bin/su":   {Users: []string{"!eve", "ALL"}, NoPassword: true, All: true},
		`a ALL = /bin/echo "NOPASSWD: ALL"`:         {Users: []string{"a"}},
		"%sudo ALL=(ALL:ALL) SETENV: NOPASSWD: ALL": {Users: []string{"%sudo"}, NoPassword: true, All: true},
	} {
		want.Text = text
		have, ok := parseSudoRule(text)
		if !ok || !slices.Equal(have.Users, want.Users) || have.NoPassword != want.NoPassword || have.All != want.All || have.Text != want.Text {
			t.Errorf("%s: %+v", text, have)
		}
	}
}

func TestSudoThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*testing.T, *world)
		says  string
	}{
		"a circle":  {func(t *testing.T, w *world) { w.put(t, "/etc/sudoers.d/a", "@include /etc/sudoers\n") }, "too many levels"},
		"a pipe":    {func(t *testing.T, w *world) { w.put(t, sudoers, "@include p\n"); w.pipe(t, "/etc/p") }, "not a regular file"},
		"no visudo": {func(_ *testing.T, w *world) { w.answerCode(t, "visudo -c", 127) }, "check sudoers"},
	} {
		w := newWorld(t)
		c.spoil(t, w)
		if _, err := w.host().sudo(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newWorld(t)
	w.refuse["visudo -c"] = "/etc/sudoers:3:1: syntax error"
	if s, err := w.host().sudo(t.Context()); err != nil || s.Valid || !strings.Contains(s.Invalid, "syntax error") {
		t.Errorf("broken: %+v, %v", s, err)
	}
	w.drop(t, sudoers)
	if s, err := w.host().sudo(t.Context()); err != nil || s.Installed {
		t.Errorf("no sudo: %+v, %v", s, err)
	}
}

// answerCode makes a command fail with an exit code of its own.
func (w *world) answerCode(t *testing.T, words string, code int) {
	t.Helper()
	if w.codes == nil {
		w.codes = map[string]int{}
	}
	w.codes[words] = code
}

// The host's own name stands for %h, and a relative path is beside the main file.
func TestSudoIncludes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, sudoers, "@include sudoers.%h\n@include \"with blank\"\n@include with\\ blank\n")
	w.put(t, "/etc/sudoers.a", "a ALL = ALL\n")
	w.put(t, "/etc/with blank", "b ALL = ALL\n")
	s, err := w.host().sudo(t.Context())
	if err != nil || !slices.Equal(s.Files, []string{sudoers, "/etc/sudoers.a", "/etc/with blank", "/etc/with blank"}) {
		t.Errorf("files: %+v, %v", s, err)
	}
}

// A rule that lets somebody in without a password is seen however it is
// written; visudo, where it is installed, is the judge of what is a rule.
func FuzzSudoers(f *testing.F) {
	visudo, err := exec.LookPath("visudo")
	f.Add("admin ALL=(ALL) NOPASSWD:ALL\n")
	f.Add("Defaults:a,b !authenticate, logfile=\"x,y\" # c\nUser_Alias A = b \\\n, c\n")
	f.Add("#1000 ALL = \\\n NOPASSWD: ALL\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := sudoReader{aliases: map[string][]string{}}
		open := false
		for _, line := range sudoLines(text) {
			if strings.Contains(line.text, "clude") {
				return
			}
			if err := r.line(sudoers, line, 0); err != nil {
				t.Fatal(err)
			}
		}
		s := r.facts()
		for _, rule := range s.Rules {
			open = open || rule.NoPassword
			if len(rule.Users) == 0 || rule.All && !rule.NoPassword {
				t.Errorf("rule %+v", rule)
			}
		}
		if err != nil || open || strings.ContainsAny(text, `"\`) || !strings.Contains(text, "NOPASSWD:") || strings.Contains(text, "#") {
			return
		}
		check := exec.CommandContext(t.Context(), visudo, "-c", "-f", "-")
		check.Stdin = strings.NewReader(text)
		if check.Run() == nil && !strings.Contains(text, "_Alias") && !strings.Contains(text, "Defaults") {
			t.Errorf("visudo takes %q, and no rule without a password was seen", text)
		}
	})
}
