package node

import (
	"context"
	"fmt"
	"strings"
)

// nftCommands are what starts and what stops nftables, drop-ins counted in.
func (h Host) nftCommands(ctx context.Context) (start, stop string, err error) {
	out, err := h.Runner.Run(ctx, command(systemctl, "show", "--property=ExecStart,ExecStop", nftablesUnit))
	if err != nil {
		return "", "", fmt.Errorf("ask systemd what %s runs: %w", nftablesUnit, err)
	}
	commands, err := parseExec(out)
	return commands["ExecStart"], commands["ExecStop"], err
}

// parseExec reads lines such as
//
//	ExecStop={ path=/usr/sbin/nft ; argv[]=/usr/sbin/nft flush ruleset ; ignore_errors=no ; … }
//
// and returns the commands alone by property, one a line.
func parseExec(show string) (map[string]string, error) {
	commands := map[string]string{}
	for line := range strings.Lines(show) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasSuffix(line, "=") {
			continue
		}
		property, value, _ := strings.Cut(line, "=")
		_, rest, found := strings.Cut(value, " argv[]=")
		if !found {
			return nil, fmt.Errorf("systemctl show: cannot read %q", line)
		}
		// The last separator is the right one: a command may hold the same words.
		end := strings.LastIndex(rest, " ; ignore_errors=")
		if end < 0 {
			return nil, fmt.Errorf("systemctl show: cannot read %q", line)
		}
		if commands[property] != "" {
			commands[property] += "\n"
		}
		commands[property] += rest[:end]
	}
	return commands, nil
}
