//go:build !linux

package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// newApp only says why there is nothing here.
func newApp(_, _ io.Writer) *cli.App {
	return &cli.App{
		Name: "k3sedge-lab", Usage: "the LAN in which k3sedge is tested (Linux only)", HideVersion: true,
		Action: func(*cli.Context) error { return lab.Able() },
	}
}
