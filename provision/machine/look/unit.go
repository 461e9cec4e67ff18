package look

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errUnits is an answer of systemctl that is not about the units asked for.
var errUnits = errors.New("systemctl did not answer for every unit")

// unitTime is how systemctl writes a time with --timestamp=us+utc.
const unitTime = "Mon 2006-01-02 15:04:05.999999 MST"

// properties are what is asked of every unit.
func properties() string {
	return "LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NRestarts,NeedDaemonReload,MainPID,ExecMainStartTimestamp,InvocationID"
}

// shown is a unit as systemctl shows it.
type shown struct {
	Unit
	run string // what systemd calls this start of it; empty before the first
}

// units asks systemd once for all units, and then for the logs of their starts.
func (h host) units(ctx context.Context, units, journals []string) (map[string]Unit, map[string]Journal, error) {
	names := slices.Concat(units, journals)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return nil, nil, nil
	}
	argv := append([]string{systemctl, "show", "--no-pager", "--timestamp=us+utc", "--property=" + properties(), "--"}, names...)
	out, err := h.run(ctx, argv...)
	all, parseErr := parseUnits(out, names)
	if err == nil {
		err = parseErr
	}
	logs := each(journals, func(name string) (string, Journal) {
		if err != nil {
			return name, Journal{Err: fmt.Sprintf("ask for its start: %v", err)}
		}
		return name, h.journal(ctx, name, all[name])
	})
	if err != nil || len(units) == 0 {
		return nil, logs, err
	}
	answers := map[string]Unit{}
	for _, name := range units {
		answers[name] = all[name].Unit
	}
	return answers, logs, nil
}

// parseUnits reads what `systemctl show` prints: a paragraph for each unit, in
// the order in which they were named.
func parseUnits(out string, names []string) (map[string]shown, error) {
	paragraphs := strings.Split(strings.Trim(out, "\n"), "\n\n")
	if len(paragraphs) != len(names) {
		return nil, fmt.Errorf("%d answers for %d names: %w", len(paragraphs), len(names), errUnits)
	}
	all := map[string]shown{}
	for i, name := range names {
		u, err := parseUnit(paragraphs[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = u
	}
	return all, nil
}

func parseUnit(paragraph string) (shown, error) {
	var u shown
	words := map[string]*string{"LoadState": &u.Load, "ActiveState": &u.Active, "SubState": &u.Sub, "UnitFileState": &u.File, "Result": &u.Result, "InvocationID": &u.run}
	numbers := map[string]*int{"ExecMainStatus": &u.Exit, "NRestarts": &u.Restarts, "MainPID": &u.MainPID}
	for line := range strings.SplitSeq(paragraph, "\n") {
		key, value, _ := strings.Cut(line, "=")
		var err error
		if word := words[key]; word != nil {
			*word = value
		} else if number := numbers[key]; number != nil {
			*number, err = strconv.Atoi(value)
		} else if key == "ExecMainStartTimestamp" {
			u.Since, err = parseTime(value)
		} else if key == "NeedDaemonReload" {
			u.Reload = value == "yes"
		}
		if err != nil {
			return shown{}, fmt.Errorf("read %q: %w", line, err)
		}
	}
	if u.Load == "" || u.Active == "" {
		return shown{}, errUnits
	}
	return u, nil
}

// parseTime reads a time of systemctl's; what never was is empty.
func parseTime(s string) (time.Time, error) {
	if s == "" || s == "n/a" {
		return time.Time{}, nil
	}
	return time.Parse(unitTime, s)
}
