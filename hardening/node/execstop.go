package node

import (
	"context"
	"fmt"
	"strings"
)

func (h Host) execStop(ctx context.Context) (string, error) {
	out, err := h.Runner.Run(ctx, command(systemctl, "show", "--property=ExecStop", nftablesUnit))
	if err != nil {
		return "", fmt.Errorf("ask systemd what stops %s: %w", nftablesUnit, err)
	}
	return parseExec(out)
}

// parseExec reads lines such as
//
//	ExecStop={ path=/usr/sbin/nft ; argv[]=/usr/sbin/nft flush ruleset ; ignore_errors=no ; … }
//
// and returns the commands alone, one a line.
func parseExec(show string) (string, error) {
	var commands []string
	for line := range strings.Lines(show) {
		line = strings.TrimSpace(line)
		if line == "" || line == "ExecStop=" {
			continue
		}
		_, rest, found := strings.Cut(line, " argv[]=")
		if !found {
			return "", fmt.Errorf("systemctl show: cannot read %q", line)
		}
		// The last separator is the right one: a command may hold the same words.
		end := strings.LastIndex(rest, " ; ignore_errors=")
		if end < 0 {
			return "", fmt.Errorf("systemctl show: cannot read %q", line)
		}
		commands = append(commands, rest[:end])
	}
	return strings.Join(commands, "\n"), nil
}
