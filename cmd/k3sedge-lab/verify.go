//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/verify"
	"github.com/k3sedge/k3sedge/testinfra/verify/probe"
)

// How verify ends, as k3sedge does.
const (
	exitBroken exitCode = 3
	exitUnseen exitCode = 4
)

const verifyDescription = `k3sedge-lab verify --project .
k3sedge-lab verify --project . --disruptive --third admin@10.0.0.9 --results results

Looks at the cluster of a project, wherever it is, from outside, from its nodes and from
a third machine, and says which of k3sedge's promises it keeps. Machines are changed and
restarted with --disruptive only. Progress goes to standard error, the table to standard
output. Exit codes: 0 all kept, 2 bad usage, 3 a promise is broken, 4 could not look.`

func (a app) verifyCommands() []*cli.Command {
	return []*cli.Command{
		{Name: "verify", Usage: "say which promises a cluster keeps", Action: a.verify, Description: verifyDescription,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "project", Usage: "folder with k3sedge.yaml"},
				&cli.StringSliceFlag{Name: "only", Usage: "these promises alone; may be repeated"},
				&cli.BoolFlag{Name: "disruptive", Usage: "also make drift, lock everybody out, and restart the machines"},
				&cli.StringFlag{Name: "third", Usage: "ask ports from USER@HOST too, a machine that is no node"},
				&cli.StringFlag{Name: "backend", Usage: "add a service to HOST:PORT for the moment, and ask for it"},
				&cli.StringFlag{Name: "host", Usage: "the name of that service"},
				&cli.StringFlag{Name: "ca", Usage: "file with the authority of the services' certificates"},
				k3sedgeFlag(),
				&cli.StringFlag{Name: "results", Usage: "write " + verify.JUnitFile + " and " + verify.MarkdownFile + " into this folder"},
				&cli.BoolFlag{Name: "list", Usage: "show the promises"},
			}},
		{Name: "probe", Hidden: true, Action: func(c *cli.Context) error { return probe.Main(c.Context, c.Args().First(), a.out) }},
	}
}

func (a app) verify(c *cli.Context) error {
	if err := arguments(c); err != nil {
		return err
	}
	if c.Bool("list") {
		for _, p := range verify.Promises() {
			fmt.Fprintf(a.out, "%s: %s\n", p.Name, p.Says)
		}
		return nil
	}
	site, err := a.verifySite(c)
	if err != nil {
		return err
	}
	report, err := verify.All(c.Context, site, c.StringSlice("only"), nil)
	if len(report.Results) == 0 {
		return nothingSeen(err)
	}
	if dir := c.String("results"); dir != "" {
		err = errors.Join(err, report.Write(dir))
	}
	if err = errors.Join(err, report.Table(a.out)); err != nil {
		return err
	}
	switch {
	case report.Count(verify.Broken) > 0:
		return exitBroken
	case report.Count(verify.Unseen) > 0 || report.Count(verify.Kept) == 0:
		return exitUnseen
	}
	return nil
}

// nothingSeen tells what the user can mend from what failed.
func nothingSeen(err error) error {
	var unusable inventory.Problems
	if errors.As(err, &unusable) || errors.Is(err, verify.ErrNoPromise) {
		return usageError(err.Error())
	}
	return errors.Join(err, errors.New("nothing was looked at"))
}

func k3sedgeFlag() cli.Flag {
	return &cli.StringFlag{Name: "k3sedge", Usage: "path of k3sedge, if it is not beside this program"}
}

// programs are the paths of this program and of k3sedge.
func programs(c *cli.Context) (self, k3sedge string, err error) {
	if self, err = os.Executable(); err != nil {
		return "", "", fmt.Errorf("find this program: %w", err)
	}
	if k3sedge = c.String("k3sedge"); k3sedge == "" {
		k3sedge = filepath.Join(filepath.Dir(self), "k3sedge")
	}
	if _, err := os.Stat(k3sedge); err != nil {
		return "", "", usageError(c.Command.Name + ": no k3sedge beside this program: name it with --k3sedge")
	}
	return self, k3sedge, nil
}

func (a app) verifySite(c *cli.Context) (verify.Site, error) {
	if c.String("project") == "" {
		return verify.Site{}, usageError("verify: --project is missing; see k3sedge-lab verify --help")
	}
	self, k3sedge, err := programs(c)
	if err != nil {
		return verify.Site{}, err
	}
	s := verify.Site{
		Project: c.String("project"), K3sedge: k3sedge, Prober: self, Operator: verify.Here,
		Backend: c.String("backend"), Host: c.String("host"), Disruptive: c.Bool("disruptive"), Progress: a.progress,
	}
	if third := c.String("third"); third != "" {
		s.Third = func(ctx context.Context, argv ...string) (*exec.Cmd, error) { return verify.Over(ctx, third, argv...) }
	}
	if file := c.String("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return s, usageError("verify: --ca: " + err.Error())
		}
		s.Roots = string(pem)
	}
	return s, nil
}
