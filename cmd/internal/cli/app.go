package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	s.Err = s.screen()
	app := newApp(s)
	if last := len(args) - 1; last > 0 && args[last] == completionFlag {
		fmt.Fprintln(s.Out, strings.Join(offers(app, args[1:last]), "\n"))
		return exitOK
	}
	args = flagsFirst(app, spelled(args))
	err := knownFlags(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	if s.Restore != nil {
		s.Restore()
	}
	if errors.Is(err, errInterrupted) {
		s.screen().endLine() // Ctrl-C was typed at a question
	}
	printError(s.Err, err)
	return codeOf(err)
}

func newApp(s Streams) *cli.App {
	return &cli.App{
		Name:  "k3sedge",
		Usage: "a hardened K3s edge in front of the services of your LAN, and the proof that it stays so",
		Description: `k3sedge init writes k3sedge.yaml; k3sedge up makes it so, as often as you like:
machines on Proxmox, hardened, with K3s and Traefik on each.
k3sedge add-service puts a server of the LAN behind them; k3sedge status shows how
they stand; k3sedge harden --check proves that they are still hardened.

` + exitCodes,
		Writer:          s.Out,
		ErrWriter:       s.Err,
		HideVersion:     true,
		HideHelpCommand: true,
		Suggest:         true,
		// Errors are printed and turned into an exit code in Main alone.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   onUsageError,
		Action:         rootAction,
		Commands: []*cli.Command{
			newInitCommand(s), newUpCommand(s), newAddServiceCommand(s), newRemoveServiceCommand(s), newServicesCommand(s),
			newStatusCommand(s), newHardenCommand(s), newKubeconfigCommand(s), newExportCommand(s), newRangesCommand(s), newTrustCommand(s),
			newDownCommand(s), newCompletionCommand(s), newVersionCommand(s),
		},
	}
}

func rootAction(c *cli.Context) error {
	if name := c.Args().First(); name != "" {
		return usagef(nearestCommand(c.App, name)+"k3sedge --help lists the commands", "there is no command %q", name)
	}
	return cli.ShowAppHelp(c)
}

// nearestCommand asks whether the one command that begins like name was meant.
func nearestCommand(app *cli.App, name string) string {
	for n := len(name); n > 0; n-- {
		var like []string
		for _, c := range app.Commands {
			if strings.HasPrefix(c.Name, name[:n]) {
				like = append(like, c.Name)
			}
		}
		if len(like) == 1 {
			return fmt.Sprintf("did you mean %s? ", like[0])
		}
	}
	return ""
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	name := strings.TrimSpace("k3sedge " + fullName(c))
	if c.Command.Name == c.App.Name {
		name = c.App.Name
	}
	return usagef(name+" --help lists the flags", "%w", err)
}

// command fills in what all commands have in common. The examples are part of
// the help because they are what people read.
func command(c cli.Command, arguments, examples string) *cli.Command {
	c.ArgsUsage = arguments
	c.OnUsageError = onUsageError
	c.Description = strings.TrimSpace(strings.TrimSpace(c.Description) + "\n\nEXAMPLES:\n   " + strings.ReplaceAll(strings.TrimSpace(examples), "\n", "\n   "))
	c.HideHelpCommand = true
	return &c
}

// fullName is a command's with all words that lead to it.
func fullName(c *cli.Context) string {
	return strings.TrimPrefix(c.Command.HelpName, c.App.Name+" ")
}

// wantArgs refuses a wrong number of arguments with the command's usage.
func wantArgs(c *cli.Context, least, most int) error {
	n := c.NArg()
	usage := strings.TrimSpace(fmt.Sprintf("usage: k3sedge %s [flags] %s", fullName(c), c.Command.ArgsUsage))
	switch {
	case n > most:
		return usagef(usage, "%s: %q is one argument too many", fullName(c), c.Args().Get(most))
	case n < least:
		return usagef(usage, "%s: an argument is missing", fullName(c))
	}
	return nil
}

// spelled turns the words with which people ask any program for help or its
// version into ours.
func spelled(args []string) []string {
	if len(args) < 2 {
		return args
	}
	switch args[1] {
	case "help":
		return slices.Concat(args[:1], args[2:], []string{"--help"})
	case "--version", "-v":
		return slices.Concat(args[:1], []string{"version"}, args[2:])
	}
	return args
}

// flagsFirst moves a command's flags before its arguments, because people
// write `trust edge-1 --yes` and the flag package stops at the first argument.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) < 3 {
		return args
	}
	command, ok := resolve(app, args[1:])
	if !ok {
		return args
	}
	withValue := flagNames(command.Flags)
	flags, rest := []string{}, []string{}
	for i := 1 + command.at; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--":
			rest = append(rest, args[i:]...)
			i = len(args)
		case !strings.HasPrefix(a, "-") || a == "-":
			rest = append(rest, a)
		case withValue[strings.TrimLeft(a, "-")] && i+1 < len(args):
			flags = append(flags, a, args[i+1])
			i++
		default:
			flags = append(flags, a)
		}
	}
	return slices.Concat(args[:1+command.at], flags, rest)
}

// errNoAnswer is a question that nobody is there to answer.
var errNoAnswer = errors.New("nobody to ask: standard input is no terminal")

// confirm asks whether the answer is the word. It does not outlive ctx: the
// reading goes on behind it, but nobody waits for it.
func confirm(ctx context.Context, s Streams, question, word string) (bool, error) {
	if !s.interactive() {
		return false, errNoAnswer
	}
	fmt.Fprintf(s.Err, "%s: ", question)
	line := make(chan string, 1)
	go func() {
		var answer string
		_, _ = fmt.Fscanln(s.In, &answer) // what cannot be read is no consent
		line <- answer
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case answer := <-line:
		return answer == word, nil
	}
}
