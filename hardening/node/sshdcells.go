package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// newCells is the matrix, still without settings.
func newCells(users, sources []string) []facts.SSHDCell {
	var cells []facts.SSHDCell
	for _, user := range users {
		for _, source := range sources {
			cells = append(cells, facts.SSHDCell{User: user, Address: source})
		}
	}
	return cells
}

// cells fills in the matrix. Each question is a whole start of sshd, so that
// where its answer cannot vary only two of them are asked: should even these
// two differ, the files were misread, and all of them are asked after all.
func (h Host) cells(ctx context.Context, cells []facts.SSHDCell, s *facts.Session, varies bool) ([]facts.SSHDCell, error) {
	if len(cells) > 2 && !varies {
		ends := []facts.SSHDCell{cells[0], cells[len(cells)-1]}
		if err := h.ask(ctx, ends, s); err != nil {
			return nil, err
		}
		if maps.EqualFunc(ends[0].Settings, ends[1].Settings, slices.Equal) {
			for i := range cells {
				cells[i].Settings = maps.Clone(ends[0].Settings)
			}
			return cells, nil
		}
	}
	if err := h.ask(ctx, cells, s); err != nil {
		return nil, err
	}
	return cells, nil
}

// ask asks sshd for the settings of every cell.
func (h Host) ask(ctx context.Context, cells []facts.SSHDCell, s *facts.Session) error {
	errs := make([]error, len(cells))
	slots := make(chan struct{}, 2*runtime.NumCPU())
	var wait sync.WaitGroup
	for i := range cells {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			cells[i].Settings, errs[i] = h.cell(ctx, cells[i], s)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (h Host) cell(ctx context.Context, c facts.SSHDCell, s *facts.Session) (map[string][]string, error) {
	// The local address and port are left out where they are not known: sshd
	// then fails if a Match block asks for them, which is the truth.
	spec := fmt.Sprintf("user=%s,addr=%s,host=%s", c.User, c.Address, c.Address)
	if s != nil {
		spec += fmt.Sprintf(",laddr=%s,lport=%d", s.ServerAddr, s.ServerPort)
	}
	if strings.Count(spec, ",") > 4 || strings.ContainsAny(spec, "\n\x00") {
		return nil, fmt.Errorf("ask sshd for user %q from %q: not a name and an address", c.User, c.Address)
	}
	out, err := h.Runner.Run(ctx, command(sshd, "-T", "-C", spec))
	if err != nil {
		return nil, fmt.Errorf("ask sshd for its settings: %w", err)
	}
	settings := parseSettings(out)
	if len(settings) == 0 {
		return nil, fmt.Errorf("ask sshd for its settings: no answer to -C %s", spec)
	}
	return settings, nil
}

// parseSettings reads the output of sshd -T: a keyword and its value a line.
func parseSettings(out string) map[string][]string {
	settings := map[string][]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key != "" {
			key = strings.ToLower(key)
			settings[key] = append(settings[key], strings.TrimSpace(value))
		}
	}
	return settings
}

// keepKeywords drops the settings that nobody asked for: they are most of what
// would go over the line.
func keepKeywords(cells []facts.SSHDCell, keywords []string) {
	for _, c := range cells {
		maps.DeleteFunc(c.Settings, func(key string, _ []string) bool { return !slices.Contains(keywords, key) })
	}
}
