package cli

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
)

// resolved is a command of a command, such as harden explain.
type resolved struct {
	*cli.Command
	name string // with all words that lead to it
	at   int    // of the words, where its own flags and arguments begin
}

// resolve follows the words to the command that they name. A flag between two
// names belongs to the first of them, so that the way ends there.
func resolve(app *cli.App, words []string) (resolved, bool) {
	if len(words) == 0 {
		return resolved{}, false
	}
	r := resolved{app.Command(words[0]), words[0], 1}
	if r.Command == nil {
		return resolved{}, false
	}
	for r.at < len(words) {
		next := subcommand(r.Command, words[r.at])
		if next == nil {
			break
		}
		r = resolved{next, r.name + " " + next.Name, r.at + 1}
	}
	return r, true
}

func subcommand(c *cli.Command, name string) *cli.Command {
	for _, s := range c.Subcommands {
		if s.HasName(name) {
			return s
		}
	}
	return nil
}

// wantNoSubcommand refuses any argument of a command that has commands of its
// own, and asks whether the nearest of them was meant.
func wantNoSubcommand(c *cli.Context) error {
	var names []string
	for _, s := range c.Command.Subcommands {
		names = append(names, s.Name)
	}
	if near := inventory.Nearest(c.Args().First(), names); near != "" && c.NArg() > 0 {
		return usagef(fmt.Sprintf("did you mean k3sedge %s %s?", fullName(c), near), "%s: there is no command %q", fullName(c), c.Args().First())
	}
	return wantArgs(c, 0, 0)
}
