//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// open finds the lab that the flags name.
func (a app) open(c *cli.Context) (*lab.Lab, error) {
	options := []lab.Option{lab.WithState(c.String("state")), lab.WithCache(c.String("cache")), lab.WithProgress(a.progress)}
	if bundle := c.String("bundle"); bundle != "" {
		absolute, err := filepath.Abs(bundle)
		if err != nil {
			return nil, fmt.Errorf("find the bundle: %w", err)
		}
		if _, err := os.Stat(absolute); err != nil {
			return nil, usageError("--bundle: " + err.Error() + "; make bundle builds one in bin/bundle")
		}
		options = append(options, lab.WithBundle(absolute))
	}
	if kind := c.String("machines"); kind != "" {
		if !slices.Contains(lab.Kinds(), kind) {
			return nil, usageError("--machines " + kind + ": want " + strings.Join(lab.Kinds(), " or "))
		}
		options = append(options, lab.WithMachines(kind, c.String("suite")))
	}
	if c.Bool("cloudflare") {
		options = append(options, lab.WithCloudflare())
	}
	return lab.Open(c.String("name"), options...)
}

// arguments checks how many there are.
func arguments(c *cli.Context, names ...string) error {
	if c.NArg() == len(names) {
		return nil
	}
	want := "no argument"
	if len(names) > 0 {
		want = strings.Join(names, " ")
	}
	return usageError(fmt.Sprintf("%s: want %s, got %d arguments; see k3sedge-lab %s --help", c.Command.Name, want, c.NArg(), c.Command.Name))
}

func (a app) up(c *cli.Context) error {
	l, err := a.open(c)
	if err == nil {
		err = arguments(c)
	}
	if err != nil {
		return err
	}
	s, err := l.Up(c.Context)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.progress, "lab %s is up: Proxmox stand-in %s, token %s, image %s\n", s.Name, s.Proxmox, s.TokenID, s.ImageURL)
	return nil
}

func (a app) down(c *cli.Context) error {
	l, err := a.open(c)
	if err == nil {
		err = arguments(c)
	}
	if err != nil {
		return err
	}
	return l.Down(c.Context)
}

func (a app) status(c *cli.Context) error {
	l, err := a.open(c)
	if err == nil {
		err = arguments(c)
	}
	if err != nil {
		return err
	}
	s, err := l.Status(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.document(s)
	}
	return a.table(s)
}

// document prints a result for programs.
func (a app) document(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table prints a status for people.
func (a app) table(s lab.Status) error {
	if !s.Up {
		fmt.Fprintf(a.out, "lab %s is not up\n", s.Name)
		for _, name := range s.Left {
			fmt.Fprintf(a.out, "left behind: %s (k3sedge-lab down removes it)\n", name)
		}
		return nil
	}
	fmt.Fprintf(a.out, "lab %s is up\nproxmox  %s\npin      %s\ntoken    %s\nimage    %s\n\n", s.Name, s.Proxmox, s.TLSPin, s.TokenID, s.ImageURL)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSTATE\tADDRESS\tMAC\tCONSOLE")
	for _, m := range s.Machines {
		state := "stopped"
		if m.Running {
			state = "running"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.Name, state, strings.Join(m.Addresses, ","), m.MAC, m.Console)
	}
	return w.Flush()
}

func (a app) exec(c *cli.Context) error {
	l, err := a.open(c)
	if err != nil {
		return err
	}
	argv := c.Args().Slice()
	if len(argv) == 0 {
		return usageError("exec: want -- COMMAND…")
	}
	prepare := l.Command
	switch name := c.String("on"); {
	case c.Bool("stranger") && name != "":
		return usageError("exec: --stranger and --on exclude each other")
	case c.Bool("stranger"):
		prepare = l.StrangerCommand
	case c.Bool("libvirt"):
		prepare = l.VirtCommand
	case name != "":
		prepare = func(ctx context.Context, argv ...string) (*exec.Cmd, error) {
			return l.ConsoleCommand(ctx, name, argv...)
		}
	}
	cmd, err := prepare(c.Context, argv...)
	if err != nil {
		return err
	}
	// This process becomes the command, so that signals, the terminal and the
	// exit code are the command's own. Of a variable that is there twice, the
	// last counts, as with any other command.
	if err := syscall.Exec(cmd.Path, cmd.Args, cmd.Environ()); err != nil {
		return fmt.Errorf("run %s in the lab: %w", argv[0], err)
	}
	return nil
}

// run runs a command on a machine through its agent. Its input is not a
// terminal: that would be waited for.
func (a app) run(c *cli.Context) error {
	l, err := a.open(c)
	if err != nil {
		return err
	}
	if c.NArg() < 2 {
		return usageError("run: want MACHINE -- COMMAND…")
	}
	order := fakepve.Command{Argv: c.Args().Tail()}
	if order.Argv[0] == "--" {
		order.Argv = order.Argv[1:]
	}
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		if order.Stdin, err = io.ReadAll(os.Stdin); err != nil {
			return fmt.Errorf("read the command's input: %w", err)
		}
	}
	res, err := l.RunOn(c.Context, c.Args().First(), order)
	if err != nil {
		return err
	}
	fmt.Fprint(a.out, string(res.Stdout))
	fmt.Fprint(a.progress, string(res.Stderr))
	if res.Exit != 0 {
		return exitCode(res.Exit)
	}
	return nil
}

func (a app) project(c *cli.Context) error {
	l, err := a.open(c)
	if err == nil {
		err = arguments(c, "DIR")
	}
	if err != nil {
		return err
	}
	if _, err := l.Project(c.Context, c.Args().First()); err != nil {
		return err
	}
	fmt.Fprintf(a.progress, "project in %s; go on with: k3sedge-lab --name %s exec -- k3sedge up, in that folder\n", c.Args().First(), l.Name())
	return nil
}

func (a app) image(c *cli.Context) error {
	l, err := a.open(c)
	if err == nil {
		err = arguments(c)
	}
	if err == nil {
		err = lab.Able()
	}
	if err != nil {
		return err
	}
	img, err := l.Image(c.Context)
	if err != nil {
		return err
	}
	if c.String("machines") == lab.MachinesLibvirt {
		l.Accelerated(c.Context) // while something is compiled nobody waits for a guest that hangs
	}
	if c.Bool("json") {
		return a.document(img)
	}
	fmt.Fprintln(a.out, img.Path)
	return nil
}

func (a app) fault(c *cli.Context) error {
	l, err := a.open(c)
	if err != nil {
		return err
	}
	if c.Bool("clear") {
		return l.ClearFaults(c.Context)
	}
	if err := arguments(c, "JSON"); err != nil {
		return err
	}
	return l.Fault(c.Context, json.RawMessage(c.Args().First()))
}

func (a app) cloudflare(c *cli.Context) error {
	l, err := a.open(c)
	if err != nil {
		return err
	}
	answer, err := l.Cloudflare().Shell(c.Context, c.Args().Slice()...)
	if errors.Is(err, lab.ErrOrder) {
		return usageError("cloudflare: " + err.Error() + "; see k3sedge-lab cloudflare --help")
	}
	if err != nil || string(answer) == "null" {
		return err
	}
	return a.document(answer)
}

func (a app) restart(c *cli.Context) error {
	l, err := a.open(c)
	if err == nil {
		err = arguments(c, "NAME|VMID")
	}
	if err != nil {
		return err
	}
	return l.Restart(c.Context, c.Args().First())
}

func (a app) machine(c *cli.Context) error {
	l, err := a.open(c)
	if err == nil {
		err = arguments(c, "NAME", "ADDRESS")
	}
	if err == nil && c.String("key") == "" {
		err = usageError("machine: --key is missing; see k3sedge-lab machine --help")
	}
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.String("key"))
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	return l.AddMachine(c.Context, lab.Plain{
		Name: c.Args().Get(0), Address: c.Args().Get(1), User: c.String("user"), AuthorizedKeys: []string{strings.TrimSpace(string(key))},
	})
}

func (a app) serve(c *cli.Context) error {
	l, err := a.open(c)
	if err != nil {
		return err
	}
	return l.Serve(c.Context, c.String("image"))
}
