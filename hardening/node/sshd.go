package node

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sshd asks sshd itself. When one cell cannot be had there are no cells at
// all: a matrix with holes would look like one that is smaller.
func (h Host) sshd(ctx context.Context, r facts.Request, s *facts.Session) (*facts.SSHD, error) {
	var out facts.SSHD
	var validErr, cellsErr, originsErr error
	var wait sync.WaitGroup
	wait.Go(func() { out.Valid, out.Invalid, validErr = h.sshdValid(ctx) })
	wait.Go(func() { out.Origins, originsErr = h.origins() })
	out.Cells, cellsErr = h.cells(ctx, r.Users, sources(r, s), s)
	wait.Wait()
	if validErr != nil {
		return nil, validErr
	}
	return &out, errors.Join(cellsErr, originsErr)
}

// sshdValid separates a configuration that sshd refuses from an sshd that
// could not be asked.
func (h Host) sshdValid(ctx context.Context) (bool, string, error) {
	_, err := h.Runner.Run(ctx, command(sshd, "-t"))
	var exit *exitError
	if errors.As(err, &exit) {
		return false, strings.TrimSpace(exit.stderr), nil
	}
	return err == nil, "", err
}

// sources are those of the request and the one that the operator came from.
func sources(r facts.Request, s *facts.Session) []string {
	if s == nil || slices.Contains(r.Sources, s.ClientAddr) {
		return r.Sources
	}
	return append(slices.Clone(r.Sources), s.ClientAddr)
}

func (h Host) cells(ctx context.Context, users, sources []string, s *facts.Session) ([]facts.SSHDCell, error) {
	cells := make([]facts.SSHDCell, len(users)*len(sources))
	errs := make([]error, len(cells))
	slots := make(chan struct{}, 2*runtime.NumCPU())
	var wait sync.WaitGroup
	for i := range cells {
		cells[i].User, cells[i].Address = users[i/len(sources)], sources[i%len(sources)]
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			cells[i].Settings, errs[i] = h.cell(ctx, cells[i], s)
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return cells, nil
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
