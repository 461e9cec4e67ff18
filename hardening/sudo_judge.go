package hardening

import (
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// relaxes reports whether a setting takes away from somebody what all shall
// have. Of those for everybody the last one counts, which is judged elsewhere.
func relaxes(f *facts.Facts, p Policy, d facts.SudoDefault) bool {
	switch {
	case !d.Off:
		return false
	case d.Name == "authenticate":
		return !strings.HasPrefix(d.For, ":") || !onlyAdmin(f, p, strings.Split(d.For[1:], ","))
	}
	return d.For != "" && (d.Name == "use_pty" || d.Name == "logfile")
}

func orNothing(line, name string) string {
	if line == "" {
		return "no file of sudo sets " + name
	}
	return line
}

// lastDefault is the line that decides about a setting for everybody, and
// whether it is on.
func lastDefault(s *facts.Sudo, name string) (line string, on bool) {
	for _, d := range s.Defaults {
		if d.Name == name && d.For == "" {
			line, on = defaultLine(d), !d.Off
		}
	}
	return line, on
}

// sudoLogOf is the file that sudo writes to for everybody, "" where it has none.
func sudoLogOf(s *facts.Sudo) string {
	file := ""
	for _, d := range s.Defaults {
		if d.Name == "logfile" && d.For == "" {
			file = d.Value
			if d.Off {
				file = ""
			}
		}
	}
	return file
}

func defaultLine(d facts.SudoDefault) string {
	text := d.Name
	if d.Off {
		text = "!" + text
	}
	if d.Value != "" {
		text += "=" + d.Value
	}
	return fmt.Sprintf("%s:%d: Defaults%s %s", d.File, d.Line, d.For, text)
}
