package control

import (
	"maps"
	"slices"
	"strings"
)

// merge puts the arguments that a user gives ("name=value") over defaults. An
// argument that is given replaces the default of its name; given several
// times, it stands several times.
func merge(defaults map[string]string, extra []string) []string {
	all := map[string][]string{}
	for name, value := range defaults {
		all[name] = []string{"--" + name + "=" + value}
	}
	given := map[string]bool{}
	for _, e := range extra {
		e = strings.TrimPrefix(e, "--")
		name, value, ok := strings.Cut(e, "=")
		if !ok {
			value = "true"
		}
		if !given[name] {
			all[name] = nil
		}
		given[name] = true
		all[name] = append(all[name], "--"+name+"="+value)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name]...)
	}
	return out
}

// Value gives the last value of an argument in a user's list.
func Value(args []string, name string) string {
	last := ""
	for _, a := range args {
		if value, ok := strings.CutPrefix(strings.TrimPrefix(a, "--"), name+"="); ok {
			last = value
		}
	}
	return last
}
