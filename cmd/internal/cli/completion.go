package cli

import (
	"embed"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
)

//go:embed completion
var completions embed.FS

func newCompletionCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "completion", Usage: "print the completion script of a shell",
		Description: "Offers commands, flags, their words and the names of services when you press Tab.",
		Action:      func(c *cli.Context) error { return runCompletion(c, s) },
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
		fmt.Fprint(s.Out, script, fishWords(c.App))
		return nil
	}
	script, err := completions.ReadFile("completion/" + shell)
	if err != nil {
		return usagef("completion takes bash, zsh or fish", "no completion for %q", shell)
	}
	_, err = s.Out.Write(script)
	return err
}

// fishWords is what the framework's script for fish lacks: the words of flags,
// and the names of services.
func fishWords(app *cli.App) string {
	var b strings.Builder
	for _, command := range app.Commands {
		for _, f := range command.Flags {
			words := flagChoices(f)
			if len(words) == 0 {
				continue
			}
			names := "-l " + f.Names()[0]
			for _, short := range f.Names()[1:] {
				names += " -s " + short
			}
			fmt.Fprintf(&b, "complete -c k3sedge -n '__fish_seen_subcommand_from %s' -x %s -a '%s'\n", command.Name, names, strings.Join(words, " "))
		}
	}
	fmt.Fprintf(&b, "complete -c k3sedge -n '__fish_seen_subcommand_from explain' -f -a '%s'\n", strings.Join(hardening.ControlIDs(), " "))
	fmt.Fprintf(&b, "complete -c k3sedge -n '__fish_seen_subcommand_from remove-service' -f -a '(k3sedge remove-service \"\" %s)'\n", completionFlag)
	return b.String()
}

// completionFlag is how the completion scripts ask. It is the last word; the
// one before it is the word that is being typed, which may be empty.
const completionFlag = "--generate-bash-completion"

// offers are the words that may stand in the place of the last one; the shell
// picks those that begin like it. Where there are none it offers file names.
func offers(app *cli.App, words []string) []string {
	last := len(words) - 1
	if last <= 0 {
		var names []string
		for _, c := range app.Commands {
			names = append(names, c.Name)
		}
		return names
	}
	command, ok := resolve(app, words[:last])
	if !ok {
		return nil
	}
	if f := flagNamed(command.Flags, words[last-1]); f != nil && flagNames(command.Flags)[f.Names()[0]] {
		if f.Names()[0] == "node" {
			return nodesIn(fileIn(command.Flags, words))
		}
		return flagChoices(f)
	}
	if strings.HasPrefix(words[last], "-") {
		return flagWords(command.Flags)
	}
	return command.arguments(words)
}

// arguments are the words that may stand where an argument is typed.
func (r resolved) arguments(words []string) []string {
	switch r.name {
	case "completion":
		return []string{"bash", "zsh", "fish"}
	case "remove-service":
		return servicesBeside(fileIn(r.Flags, words))
	case "harden explain":
		return hardening.ControlIDs()
	}
	var names []string
	if r.at == len(words)-1 { // nothing but names so far
		for _, c := range r.Subcommands {
			names = append(names, c.Name)
		}
	}
	return names
}

// flagChoices are the words of a flag that has some.
func flagChoices(f cli.Flag) []string {
	switch f := f.(type) {
	case choice:
		return f.words
	case choices:
		return f.words
	}
	return nil
}

// nodesIn are the nodes of a file without fault.
func nodesIn(file string) []string {
	project, err := inventory.Load(file)
	if err != nil {
		return nil
	}
	var names []string
	for _, n := range project.Cluster.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// flagNamed is the flag that is typed as word, or nil.
func flagNamed(flags []cli.Flag, word string) cli.Flag {
	for _, f := range flags {
		for _, name := range f.Names() {
			if word == dashed(name) {
				return f
			}
		}
	}
	return nil
}

func flagWords(flags []cli.Flag) []string {
	words := []string{"--help"}
	for _, f := range flags {
		words = append(words, dashed(f.Names()[0]))
	}
	return words
}

// fileIn is the cluster's file that the words name.
func fileIn(flags []cli.Flag, words []string) string {
	for i, w := range words[:len(words)-1] {
		if f := flagNamed(flags, w); f != nil && f.Names()[0] == "file" {
			return words[i+1]
		}
	}
	return defaultFile
}

// servicesBeside are the services of a folder by the names of their files. It
// has to be quick, and right only for files without fault.
func servicesBeside(file string) []string {
	entries, _ := os.ReadDir(inventory.ServicesDir(file)) // a folder that is not there has none
	var names []string
	for _, e := range entries {
		if name, yaml := strings.CutSuffix(e.Name(), ".yaml"); yaml {
			names = append(names, name)
		}
	}
	return names
}
