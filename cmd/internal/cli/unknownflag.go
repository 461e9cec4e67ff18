package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
)

// knownFlags refuses a flag that the command does not have, with the one that
// was most likely meant. The flags stand before the arguments.
func knownFlags(app *cli.App, args []string) error {
	if len(args) < 2 {
		return nil
	}
	name, flags, words := "k3sedge", app.Flags, args[1:]
	if command, ok := resolve(app, args[1:]); ok {
		name, flags, words = "k3sedge "+command.name, command.Flags, args[1+command.at:]
	}
	takesValue := flagNames(flags)
	for i := 0; i < len(words) && strings.HasPrefix(words[i], "-") && strings.Trim(words[i], "-") != ""; i++ {
		flag, _, hasValue := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		value, known := takesValue[flag]
		if !known {
			return usagef(name+" --help lists the flags", "%s: no such flag%s", dashed(flag), meant(flag, takesValue))
		}
		if value && !hasValue {
			i++
		}
	}
	return nil
}

// flagNames are the names of flags, and whether a value follows them.
func flagNames(flags []cli.Flag) map[string]bool {
	names := map[string]bool{"help": false, "h": false}
	for _, f := range flags {
		doc, ok := f.(cli.DocGenerationFlag)
		for _, n := range f.Names() {
			names[n] = ok && doc.TakesValue()
		}
	}
	return names
}

func meant(flag string, names map[string]bool) string {
	var long []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if len(n) > 1 {
			long = append(long, n)
		}
	}
	if near := inventory.Nearest(flag, long); near != "" {
		return "; did you mean " + dashed(near) + "?"
	}
	return ""
}

// dashed is a flag as it is typed.
func dashed(flag string) string {
	if len(flag) == 1 {
		return "-" + flag
	}
	return "--" + flag
}
