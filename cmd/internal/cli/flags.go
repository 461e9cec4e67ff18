package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// defaultFile is the cluster's file where none is named.
const defaultFile = "k3sedge.yaml"

func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Value: defaultFile, DefaultText: defaultFile, Usage: "the cluster's `FILE`; services/ and .k3sedge/ are beside it"}
}

func outputFlag(usage string) cli.Flag {
	f := choiceFlag("output", usage, "text", "json")
	f.Aliases = []string{"o"}
	return f
}

// choice is a flag whose words are known.
type choice struct {
	*cli.StringFlag
	words []string
}

// choiceFlag takes one of a few words; the first is the default.
func choiceFlag(name, usage string, words ...string) choice {
	last := len(words) - 1
	listed := strings.Join(words[:last], ", ") + " or " + words[last]
	return choice{&cli.StringFlag{
		Name: name, Value: words[0], DefaultText: words[0], Usage: usage + ": " + listed,
		Action: func(_ *cli.Context, v string) error {
			if !slices.Contains(words, v) {
				return usagef(fmt.Sprintf("--%s takes %s", name, listed), "--%s %q: there is no such choice", name, v)
			}
			return nil
		},
	}, words}
}

// choices is a flag that may be given more than once, with words that are
// known. Several words may also stand in one, with commas between them.
type choices struct {
	*cli.StringSliceFlag
	words []string
}

func choicesFlag(name, usage string, words ...string) choices {
	return choices{&cli.StringSliceFlag{Name: name, Usage: usage}, words}
}

// switchFlag is off unless it is given.
func switchFlag(name, usage string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true}
}

func yesFlag(usage string) cli.Flag {
	f := switchFlag("yes", usage)
	f.Aliases = []string{"y"}
	return f
}
