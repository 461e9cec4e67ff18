//go:build linux

package main

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/testinfra/lab"
	"github.com/k3sedge/k3sedge/testinfra/vagrant"
)

func (a app) vagrant(c *cli.Context) error {
	_, k3sedge, err := programs(c)
	if err != nil {
		return err
	}
	m, err := a.machines(c)
	if err != nil {
		return err
	}
	switch order := c.Args().First(); {
	case order == "up" && c.NArg() == 1:
		if err := m.Up(c.Context); err != nil {
			return err
		}
		if err := m.Harden(c.Context, k3sedge); err != nil {
			return err
		}
		fmt.Fprintf(a.progress, "the machines are up; their project is %s\n", m.Project())
		return nil
	case order == "down" && c.NArg() == 1:
		return m.Down(c.Context)
	case order == "run" && c.NArg() > 1:
		return m.Run(c.Context, c.Args().Tail()...)
	}
	return usageError("vagrant: want up, down or run -- ARGUMENTS…; see k3sedge-lab vagrant --help")
}

// machines are those that the flags describe.
func (a app) machines(c *cli.Context) (vagrant.Machines, error) {
	if err := c.Set("machines", lab.MachinesLibvirt); err != nil {
		return vagrant.Machines{}, err
	}
	l, err := a.open(c)
	if err != nil {
		return vagrant.Machines{}, err
	}
	source, err := filepath.Abs(c.String("source"))
	if err != nil {
		return vagrant.Machines{}, fmt.Errorf("find the Vagrantfile: %w", err)
	}
	return vagrant.Machines{Lab: l, Source: source, Box: c.String("box"), RealK3s: c.Bool("real-k3s"), Progress: a.progress}, nil
}
