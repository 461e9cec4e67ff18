package cli

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Value: "k3sedge.yaml", Usage: "the cluster's `FILE`; services/ and .k3sedge/ are beside it"}
}

func outputFlag() cli.Flag { return choiceFlag("output", "o", "text", "json") }

// choiceFlag takes one of a few words; the first is the default.
func choiceFlag(name, alias string, words ...string) cli.Flag {
	f := &cli.StringFlag{Name: name, Value: words[0], Usage: fmt.Sprintf("one of %v", words), Action: func(_ *cli.Context, v string) error {
		for _, w := range words {
			if v == w {
				return nil
			}
		}
		return usagef(fmt.Sprintf("--%s takes one of %v", name, words), "--%s %q", name, v)
	}}
	if alias != "" {
		f.Aliases = []string{alias}
	}
	return f
}

func yesFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: usage}
}
