package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestOrigins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, sshdConfig, `# a comment
Include /etc/ssh/sshd_config.d/*.conf more.conf
PasswordAuthentication=no
  ChallengeResponseAuthentication "yes" # why
AcceptEnv LANG 'LC ALL'
Match User git Address 10.0.0.0/8
	X11Forwarding no
	Include match.conf
	Banner none
Match all
`)
	w.put(t, "/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\nMatch Group x\nMaxSessions 1\n")
	w.put(t, "/etc/ssh/sshd_config.d/00-k3sedge.conf", "PermitRootLogin no")
	w.put(t, "/etc/ssh/sshd_config.d/.hidden.conf", "PermitRootLogin yes")
	w.put(t, "/etc/ssh/sshd_config.d/README", "PermitRootLogin yes")
	w.put(t, "/etc/ssh/match.conf", "MaxSessions 2\nMatch User root\nMaxSessions 3\n")
	w.link(t, "/nowhere", "/etc/ssh/sshd_config.d/60-x.conf")
	have, varies, err := w.host().origins()
	if err != nil {
		t.Fatal(err)
	}
	if !varies {
		t.Error("a configuration with Match blocks answers everybody the same")
	}
	const git = "User git Address 10.0.0.0/8"
	var lines []string
	for _, o := range have {
		lines = append(lines, fmt.Sprintf("%s:%d %s=%s [%s]", strings.TrimPrefix(o.File, sshDir+"/"), o.Line, o.Key, o.Value, o.Match))
	}
	want := []string{
		"sshd_config:2 include=/etc/ssh/sshd_config.d/*.conf more.conf []",
		"sshd_config.d/00-k3sedge.conf:1 permitrootlogin=no []",
		"sshd_config.d/50-cloud-init.conf:1 passwordauthentication=yes []",
		"sshd_config.d/50-cloud-init.conf:2 match=Group x []",
		"sshd_config.d/50-cloud-init.conf:3 maxsessions=1 [Group x]",
		"sshd_config:3 passwordauthentication=no []",
		"sshd_config:4 kbdinteractiveauthentication=yes []",
		"sshd_config:5 acceptenv=LANG LC ALL []",
		"sshd_config:6 match=" + git + " []",
		"sshd_config:7 x11forwarding=no [" + git + "]",
		"sshd_config:8 include=match.conf [" + git + "]",
		"match.conf:1 maxsessions=2 [" + git + "]",
		"match.conf:2 match=User root [" + git + "]",
		"match.conf:3 maxsessions=3 [" + git + " & User root]",
		"sshd_config:9 banner=none [" + git + "]",
		"sshd_config:10 match=all [" + git + "]",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestOriginsRefuse(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"round and round": "Include /etc/ssh/sshd_config\n", "bad pattern": "Include [\n", "unreadable": "Include loop\n",
	} {
		w := newWorld(t)
		w.link(t, "loop", "/etc/ssh/loop")
		w.put(t, sshdConfig, config)
		if have, varies, err := w.host().origins(); err == nil || !varies {
			t.Errorf("%s: %+v", name, have)
		}
	}
}

func TestSplitDirective(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":                           nil,
		"   # Port 22":               nil,
		"Port 22":                    {"port", "22"},
		"Port=22":                    {"port", "22"},
		"port\t= 22":                 {"port", "22"},
		`Banner "/etc/a b"`:          {"banner", "/etc/a b"},
		`Banner "a\"b" 'c"d'`:        {"banner", `a"b`, `c"d`},
		"AllowUsers a b#c # d":       {"allowusers", "a", "b#c"},
		"PubkeyAcceptedKeyTypes x":   {"pubkeyacceptedalgorithms", "x"},
		"SkeyAuthentication yes\r\n": {"kbdinteractiveauthentication", "yes"},
		"UsePAM":                     {"usepam"},
		`"Match" User a`:             {"match", "User", "a"},
		`Mat"ch"all`:                 {"match", "all"},
		`""Port 22`:                  {"port", "22"},
		"=Port 22":                   {"port", "22"},
		" = Port 22\f":               {"port", "22"},
		"==Port 22":                  nil,
		`"Port 22`:                   nil,
		`"a b" c`:                    nil,
		`"Port"=22`:                  {"port", "=22"},
		"Port = =22":                 {"port", "=22"},
	} {
		key, args := splitDirective(line)
		var have []string
		if key != "" {
			have = append([]string{key}, args...)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%q: %q", line, have)
		}
	}
}

// oneFile is a configuration without any other file.
type oneFile string

func (f oneFile) read(string) ([]byte, error) { return []byte(f), nil }

func (f oneFile) list(string) ([]string, error) { return nil, nil }

func FuzzConfigWalk(f *testing.F) {
	f.Add("Include x\nMatch User a\nBanner \"a b\n'")
	f.Add("Port=\\\n=\n\" \"\n")
	f.Add("mat\"ch\"all\n\"match\"\n=match")
	f.Add("Include \"a\"\n\tmatch=all")
	f.Fuzz(func(t *testing.T, content string) {
		w := configWalk{files: oneFile(content)}
		if err := w.file(sshdConfig, "", 0); err != nil {
			return
		}
		lines := strings.Count(content, "\n") + 1
		for _, o := range w.out {
			if o.Key == "" || o.Line < 1 || o.Line > lines || strings.ContainsAny(o.Key, " \t\n") {
				t.Errorf("%+v", o)
			}
			if o.Key == "match" && !w.varies {
				t.Errorf("%+v, and the answer does not vary", o)
			}
		}
	})
}

func TestStagedList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := staged{disk{w.host()}, []facts.FileChange{
		{Path: "/etc/ssh/new/a.conf"}, {Path: "/etc/ssh/new/b.conf"}, {Path: sshdConfig},
		{Path: "/etc/ssh/sshd_config.d/50-cloud-init.conf", Absent: true}, {Path: "/etc/ssh/gone/x", Absent: true},
	}}
	for dir, want := range map[string][]string{
		"/etc/ssh": {"new", "sshd_config", "sshd_config.d"}, "/etc/ssh/new": {"a.conf", "b.conf"}, "/etc/ssh/sshd_config.d": nil,
	} {
		have, err := s.list(dir)
		slices.Sort(have)
		if err != nil || !slices.Equal(have, want) {
			t.Errorf("%s: %q, %v", dir, have, err)
		}
	}
	if _, err := s.read("/etc/ssh/sshd_config.d/50-cloud-init.conf"); err == nil {
		t.Error("read a file that will not be there")
	}
	var exit *exitError
	if err := w.host().checkSSHD(t.Context(), facts.Transaction{}); errors.As(err, &exit) || err != nil {
		t.Errorf("no change of sshd: %v", err)
	}
}
