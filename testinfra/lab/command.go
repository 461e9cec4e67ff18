//go:build linux

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// run runs a program and gives what it printed; an error carries its words.
func run(ctx context.Context, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		words := strings.TrimSpace(complaint.String())
		if words != "" {
			words = ": " + words
		}
		return out.Bytes(), fmt.Errorf("%s: %w%s", strings.Join(argv, " "), err, words)
	}
	return out.Bytes(), nil
}

// runAll runs programs one after the other until one fails.
func runAll(ctx context.Context, commands [][]string) error {
	for _, argv := range commands {
		if _, err := run(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}
