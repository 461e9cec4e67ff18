package hardening

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// mended is what a change of the facts asks for, in a line.
func mended(plan Plan, f *facts.Facts, p Policy) string {
	var out []string
	for _, u := range plan.Transaction.Units {
		out = append(out, u.Action+" "+u.Name)
	}
	for _, c := range plan.Transaction.Files {
		out = append(out, "write "+c.Path)
	}
	out = append(out, plan.Blocked...)
	for _, finding := range Judge(f, p).With(Fail) {
		for _, m := range finding.Mend {
			if left, found := strings.CutPrefix(m, "left to you: "); found && !slices.ContainsFunc(plan.Blocked, func(b string) bool { return strings.HasSuffix(b, left) }) {
				out = append(out, left)
			}
		}
	}
	return strings.Join(out, "\n")
}

func TestWhatIsDoneAboutServicesAndLogs(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	off, missing := facts.Unit{State: "disabled", Active: "inactive"}, facts.Unit{State: facts.UnitNotFound, Active: "inactive"}
	chrony := facts.Unit{State: "enabled", Active: "active"}
	both := func(changes ...func(*facts.Facts, Policy)) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, p Policy) {
			for _, c := range changes {
				c(f, p)
			}
		}
	}
	dumps := unit(coredumpUnit, facts.Unit{State: "static", Active: "active"})
	for name, tt := range map[string]struct {
		change func(*facts.Facts, Policy)
		want   []string
	}{
		"no daemon of time runs":  {unit(timeDaemons()[0], off), []string{"start systemd-timesyncd.service"}},
		"no daemon of time":       {unit(timeDaemons()[0], missing), []string{"apt-get install systemd-timesyncd"}},
		"two daemons of time":     {unit("chrony.service", chrony), []string{"keep one of systemd-timesyncd.service, chrony.service"}},
		"a daemon without answer": {func(f *facts.Facts, _ Policy) { f.Clock.Synchronized = false }, []string{"journalctl -u systemd-timesyncd.service"}},
		"a debug shell":           {unit(debugShell, facts.Unit{State: "enabled", Active: "active"}), []string{"mask debug-shell.service"}},
		"a debug shell of its own": {
			unit(debugShell, facts.Unit{State: "enabled", Active: "active", InTheWay: "/etc/systemd/system/debug-shell.service"}), []string{"take /etc/systemd/system/debug-shell.service away"},
		},
		"a failed unit": {func(f *facts.Facts, _ Policy) { f.FailedUnits = []string{"x.service"} }, []string{"systemctl status x.service"}},
		"names for the LAN": {
			listener(facts.Listener{Proto: "udp", Address: "0.0.0.0", Port: 5355, Process: "systemd-resolve", PID: 4, Unit: resolvedUnit}),
			[]string{"reload systemd-resolved.service", "write " + resolvedDropIn},
		},
		"somebody's service": {
			listener(facts.Listener{Proto: "tcp", Address: "::", Port: 8080, Process: "web", PID: 4, Unit: "web.service"}), []string{"tcp [::]:8080: web, process 4, web.service: run `systemctl disable --now web.service`"},
		},
		"somebody's program": {
			listener(facts.Listener{Proto: "tcp", Address: "10.0.0.11", Port: 8080, Process: "nc", PID: 4, Unit: "session-3.scope"}), []string{"tcp 10.0.0.11:8080: nc, process 4, session-3.scope: end it"},
		},
		"a journal elsewhere": {
			content("/etc/systemd/journald.conf.d/z.conf", "[Journal]\nStorage=volatile\n"), []string{"take Storage= out of /etc/systemd/journald.conf.d/z.conf"},
		},
		"dumps for all":       {content(limitsFile, ""), []string{"write " + limitsFile}},
		"dumps allowed later": {content("/etc/security/limits.d/99-own.conf", "* - core 9\n"), []string{"out of /etc/security/limits.d/99-own.conf"}},
		"dumps":               {dumps, []string{"write " + coredumpDropIn}},
		"dumps all the same": {
			both(dumps, content(coredumpDropIn, coredumpText), content("/run/systemd/coredump.conf.d/z.conf", "Storage=external\n")), []string{"take Storage= out of /run/systemd/coredump.conf.d/z.conf"},
		},
		"no auditd":     {unit(auditUnit, missing), []string{"apt-get install auditd"}},
		"auditd is off": {unit(auditUnit, off), []string{"start auditd.service"}},
		"auditd watches nothing": {
			content(auditFile, ""), []string{"write " + auditFile, "augenrules --load"},
		},
		"auditd halts": {content(auditConf, "disk_full_action = halt\n"), []string{"set disk_full_action to SYSLOG"}},
		"no AppArmor":  {content(appArmorFile, "N\n"), []string{"apparmor=1"}},
	} {
		f := hardened(t, p)
		tt.change(f, p)
		have := mended(PlanFor(f, p), f, p)
		for _, want := range tt.want {
			if !strings.Contains(have, want) {
				t.Errorf("%s: no %q in\n%s", name, want, have)
			}
		}
		if n := strings.Count(have, "\n") + 1; n != len(tt.want) {
			t.Errorf("%s: %d lines, wanted %d:\n%s", name, n, len(tt.want), have)
		}
	}
}
