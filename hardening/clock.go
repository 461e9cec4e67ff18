package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// timeDaemons are the units that set the clock by the network.
func timeDaemons() []string {
	return []string{"systemd-timesyncd.service", "chrony.service", "ntpsec.service", "ntp.service", "openntpd.service"}
}

func checkClock(f *facts.Facts, _ Policy) Verdict {
	// Not among the control's needs: a container may not even ask.
	if gap := partGap(f, PartClock); gap != "" {
		return unknown(gap)
	}
	var wrong, daemons []string
	for _, unit := range timeDaemons() {
		if u := f.Units[unit]; isEnabled(u) || isRunning(u) {
			daemons = append(daemons, unitLine(f, unit))
		}
	}
	if len(daemons) != 1 {
		wrong = append(wrong, fmt.Sprintf("daemons of time: %d", len(daemons)))
		wrong = append(wrong, daemons...)
	}
	if !f.Clock.Synchronized {
		wrong = append(wrong, fmt.Sprintf("adjtimex: not synchronized, may be wrong by %d µs", f.Clock.MaxError))
	}
	return decide(wrong, fmt.Sprintf("synchronized=%t, %s", f.Clock.Synchronized, strings.Join(daemons, ", ")), "synchronized by one daemon")
}

// mendClock starts Debian's own daemon where none runs. Which of two is to go
// is the user's choice, and a server that does not answer is his network's.
func mendClock(f *facts.Facts, _ Policy) Mend {
	on := slices.DeleteFunc(timeDaemons(), func(unit string) bool { return !isEnabled(f.Units[unit]) && !isRunning(f.Units[unit]) })
	first := timeDaemons()[0]
	switch u := f.Units[first]; {
	case len(on) > 1:
		return Mend{Advice: []string{fmt.Sprintf("keep one of %s: run `systemctl disable --now` for the others", strings.Join(on, ", "))}}
	case len(on) == 1:
		return Mend{Advice: []string{fmt.Sprintf("see why it does not reach its servers with `journalctl -u %s`", on[0])}}
	case u.State == facts.UnitNotFound || u.State == "masked":
		return Mend{Advice: []string{"run `apt-get install systemd-timesyncd`"}}
	}
	return Mend{Units: []facts.UnitChange{{Name: first, Action: "start"}}}
}
