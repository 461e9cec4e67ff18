package look

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What systemd 252 of Debian 12 prints, the units in the order of their names.
const shownUnits = `MainPID=0
Result=exit-code
NRestarts=4
ExecMainStartTimestamp=Sat 2026-11-21 11:34:30.214191 UTC
ExecMainStatus=3
LoadState=loaded
ActiveState=activating
SubState=auto-restart
UnitFileState=static
NeedDaemonReload=yes
InvocationID=f217b636be5943448e571c3e597e9f16

MainPID=0
Result=success
NRestarts=0
ExecMainStartTimestamp=
ExecMainStatus=0
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
NeedDaemonReload=no
InvocationID=

MainPID=179
Result=success
NRestarts=0
ExecMainStartTimestamp=Sat 2026-11-21 11:33:02 UTC
ExecMainStatus=0
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
NeedDaemonReload=no
InvocationID=2e3888ef6d8240ab9dc345846766e609

Result=success
LoadState=loaded
ActiveState=active
SubState=waiting
UnitFileState=enabled
NeedDaemonReload=no
InvocationID=9d3888ef6d8240ab9dc345846766e609
`

func unitNames() []string {
	return []string{"loop.service", "none.service", "ssh.service", "tidy.timer"}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.answers[systemctl] = shownUnits
	r.answers[journalctl] = "one\ntwo\n"
	names := unitNames()
	a := r.look(t.Context(), Request{Units: []string{"ssh.service", "loop.service", "none.service"}, Journals: []string{"tidy.timer", "ssh.service", "none.service"}})
	start := time.Date(2026, 11, 21, 11, 33, 2, 0, time.UTC)
	for name, want := range map[string]Unit{
		"ssh.service":  {Load: "loaded", Active: "active", Sub: "running", File: "enabled", Result: "success", MainPID: 179, Since: start},
		"loop.service": {Load: "loaded", Active: "activating", Sub: "auto-restart", File: "static", Result: "exit-code", Exit: 3, Restarts: 4, Reload: true, Since: start.Add(88*time.Second + 214191*time.Microsecond)},
		"none.service": {Load: "not-found", Active: "inactive", Sub: "dead", Result: "success"},
	} {
		if got := a.Units[name]; got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if len(a.Units) != 3 || len(a.Journals) != 3 || a.Failed != nil {
		t.Errorf("units %v, journals %v, failed %v", a.Units, a.Journals, a.Failed)
	}
	if argv := r.argvOf(systemctl); !slices.Equal(argv[len(argv)-4:], names) || argv[len(argv)-5] != "--" {
		t.Errorf("ran %q", argv)
	}
	for name, want := range map[string]int{"tidy.timer": 2, "ssh.service": 2, "none.service": 0} {
		if got := a.Journals[name]; len(got.Lines) != want || got.Err != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestUnitsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]string{
		"empty":            "",
		"one too few":      shownUnits[:strings.LastIndex(shownUnits, "\n\n")],
		"one too many":     shownUnits + "\n" + "LoadState=loaded\nActiveState=active\n",
		"no state":         strings.Replace(shownUnits, "ActiveState=active\n", "", 1),
		"no number":        strings.Replace(shownUnits, "MainPID=179", "MainPID=x", 1),
		"time in no order": strings.Replace(shownUnits, "Sat 2026-11-21 11:33:02 UTC", "yesterday", 1),
	} {
		if got, err := parseUnits(out, unitNames()); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestJournalOfAStart(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		unit shown
		want []string
	}{
		"one start":  {shown{run: "0a"}, []string{"_SYSTEMD_INVOCATION_ID=0a", "+", "INVOCATION_ID=0a", "_PID=1"}},
		"many times": {shown{run: "0a", Unit: Unit{Restarts: 1}}, []string{"--unit=k3s.service"}},
	} {
		r := newRig(t)
		r.answers[journalctl] = "line\n"
		if got := r.journal(t.Context(), "k3s.service", tt.unit); len(got.Lines) != 1 || got.Err != "" {
			t.Errorf("%s: %+v", name, got)
		}
		if argv := r.argvOf(journalctl); !slices.Equal(argv[len(argv)-len(tt.want):], tt.want) || !slices.Contains(argv, "--lines=40") {
			t.Errorf("%s: ran %q", name, argv)
		}
	}
	if got := newRig(t).journal(t.Context(), "k3s.service", shown{run: "0a"}); got.Err == "" {
		t.Errorf("a journalctl that fails: %+v", got)
	}
}

func TestJournalLines(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		out  string
		want []string
	}{
		"nothing":       {"", nil},
		"no end":        {"a\nb", []string{"a", "b"}},
		"empty lines":   {"a\n\n\r\nb\n", []string{"a", "b"}},
		"escapes":       {"\x1b[31mred\x1b[0m\tend\a\n", []string{"[31mred[0m end"}},
		"not UTF-8":     {"a\xffb\n", []string{"a?b"}},
		"a long line":   {strings.Repeat("x", journalLine+1) + "\n", []string{strings.Repeat("x", journalLine) + "…"}},
		"too many":      {strings.Repeat("old\n", 9) + strings.Repeat("new\n", journalLines), slices.Repeat([]string{"new"}, journalLines)},
		"other letters": {"größe 節\n", []string{"größe 節"}},
	} {
		if got := parseJournal(tt.out); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
