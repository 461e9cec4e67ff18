package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const nftablesUnit = "nftables.service"

// unitFile and unitLoaded are lines of systemctl's JSON.
type unitFile struct {
	Name  string `json:"unit_file"`
	State string `json:"state"`
}

type unitLoaded struct {
	Name   string `json:"unit"`
	Load   string `json:"load"`
	Active string `json:"active"`
}

// units merges what is on disk with what systemd has loaded. A unit that is
// only mentioned by others is none.
func (h Host) units(ctx context.Context) (map[string]facts.Unit, error) {
	var files []unitFile
	var loaded []unitLoaded
	var stop string
	var filesErr, loadedErr, stopErr error
	var wait sync.WaitGroup
	wait.Go(func() { filesErr = h.systemctlJSON(ctx, &files, "list-unit-files") })
	wait.Go(func() { loadedErr = h.systemctlJSON(ctx, &loaded, "list-units", "--all") })
	wait.Go(func() { stop, stopErr = h.execStop(ctx) })
	wait.Wait()
	if err := errors.Join(filesErr, loadedErr, stopErr); err != nil {
		return nil, err
	}
	out := map[string]facts.Unit{}
	for _, u := range files {
		out[u.Name] = facts.Unit{State: u.State, Active: "inactive"}
	}
	for _, u := range loaded {
		if u.Load == "not-found" {
			continue
		}
		unit := out[u.Name]
		unit.Active = u.Active
		out[u.Name] = unit
	}
	if unit, found := out[nftablesUnit]; found {
		unit.ExecStop = stop
		out[nftablesUnit] = unit
	}
	return out, nil
}

func (h Host) systemctlJSON(ctx context.Context, into any, argv ...string) error {
	out, err := h.Runner.Run(ctx, command(append([]string{systemctl, "--output=json", "--no-pager", "--full"}, argv...)...))
	if err != nil {
		return fmt.Errorf("ask systemd: %w", err)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("read answer of systemctl %s: %w", argv[0], err)
	}
	return nil
}

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
