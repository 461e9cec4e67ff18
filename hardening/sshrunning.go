package hardening

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const sshdSocket = "ssh.socket"

// checkRunning wants the sshd that runs to be the one that its files describe.
func checkRunning(f *facts.Facts, p Policy) Verdict {
	const want = "sshd has read its files since they were changed, and listens where they say"
	if socket := f.Units[sshdSocket]; isRunning(socket) {
		return Verdict{Status: Fail, Have: "systemd listens for sshd", Want: want, Evidence: []string{unitLine(f, sshdSocket)}}
	}
	if f.Daemon.PID == 0 || len(f.Daemon.Files) == 0 {
		return unknown("no sshd with a PID file of its own runs")
	}
	late, future := staleFiles(f)
	if future != "" {
		return unknown(future)
	}
	sockets := sshdSockets(f)
	if len(sockets) == 0 {
		return unknown(fmt.Sprintf("sshd (process %d) is not seen to listen anywhere", f.Daemon.PID))
	}
	for _, at := range slices.Concat(unlisted(f, sockets), otherPorts(sockets, p)) {
		late = append(late, fmt.Sprintf("sshd (process %d) listens at %s; sshd -T: listenaddress %s", f.Daemon.PID, at, strings.Join(effective(f, "listenaddress"), ", ")))
	}
	return decide(slices.Compact(late), "sshd read its files at "+moment(f.Daemon.Loaded), want)
}

// staleFiles are those that were changed after sshd had read them. A time to
// come is of a clock that went back, and tells nothing.
func staleFiles(f *facts.Facts) (late []string, future string) {
	const slack = int64(2 * time.Second) // the host's time is told in seconds
	for _, s := range f.Daemon.Files {
		switch {
		case s.Changed > time.Unix(f.System.UnixTime, 0).UnixNano()+slack:
			return nil, fmt.Sprintf("%s was changed at %s, which is yet to come", s.Path, moment(s.Changed))
		case s.Changed > f.Daemon.Loaded:
			late = append(late, fmt.Sprintf("%s was changed at %s, sshd read its files at %s", s.Path, moment(s.Changed), moment(f.Daemon.Loaded)))
		}
	}
	return late, ""
}

// sshdSockets are where the running sshd listens.
func sshdSockets(f *facts.Facts) []string {
	var out []string
	for _, l := range f.Listeners {
		if l.Proto == "tcp" && l.PID == f.Daemon.PID {
			out = append(out, net.JoinHostPort(l.Address, strconv.Itoa(l.Port)))
		}
	}
	return out
}

// unlisted are the sockets that sshd's files do not name.
func unlisted(f *facts.Facts, sockets []string) []string {
	expected := effective(f, "listenaddress")
	return slices.DeleteFunc(slices.Clone(sockets), func(at string) bool { return slices.Contains(expected, at) })
}

// otherPorts are the sockets at a port that the policy does not name.
func otherPorts(sockets []string, p Policy) []string {
	return slices.DeleteFunc(slices.Clone(sockets), func(at string) bool { return strings.HasSuffix(at, ":"+strconv.Itoa(p.SSHPort)) })
}

func moment(nanoseconds int64) string { return time.Unix(0, nanoseconds).UTC().Format(time.RFC3339) }

// mendRunning reloads sshd. Where it listens is the user's: another port may
// be the one that he comes in by.
func mendRunning(f *facts.Facts, p Policy) Mend {
	var m Mend
	if isRunning(f.Units[sshdSocket]) {
		m.Advice = append(m.Advice, "run `systemctl disable --now ssh.socket` and `systemctl enable --now ssh.service` in one go, from the console: sshd's limits on strangers do not work behind a socket of systemd's")
		return m
	}
	sockets := sshdSockets(f)
	if late, _ := staleFiles(f); len(late) > 0 || len(unlisted(f, sockets)) > 0 {
		m.Units = append(m.Units, facts.UnitChange{Name: sshdUnit, Action: "reload"})
	}
	if len(otherPorts(sockets, p)) > 0 {
		m.Advice = append(m.Advice, fmt.Sprintf("sshd should listen at port %d only: see %s", p.SSHPort,
			strings.Join(slices.Concat(originLines(f, "port"), originLines(f, "listenaddress")), ", ")))
	}
	return m
}
