package cli

import (
	"embed"
	"fmt"

	"github.com/urfave/cli/v2"
)

//go:embed completion
var completions embed.FS

func newCompletionCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "completion", Usage: "print the completion script of a shell",
		Description:  "Offers the commands and flags of k3sedge when you press Tab.",
		Action:       func(c *cli.Context) error { return runCompletion(c, s) },
		BashComplete: func(*cli.Context) { fmt.Fprintln(s.Out, "bash\nzsh\nfish") },
	}, "bash|zsh|fish", `source <(k3sedge completion bash)
k3sedge completion fish > ~/.config/fish/completions/k3sedge.fish`)
}

func runCompletion(c *cli.Context, s Streams) error {
	if err := wantArgs(c, 1, 1); err != nil {
		return err
	}
	shell := c.Args().First()
	if shell == "fish" {
		script, err := c.App.ToFishCompletion()
		if err != nil {
			return fmt.Errorf("make the fish completion: %w", err)
		}
		fmt.Fprint(s.Out, script)
		return nil
	}
	script, err := completions.ReadFile("completion/" + shell)
	if err != nil {
		return usagef("completion takes bash, zsh or fish", "no completion for %q", shell)
	}
	_, err = s.Out.Write(script)
	return err
}
