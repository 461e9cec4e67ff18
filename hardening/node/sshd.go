package node

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sshd asks sshd itself. When one cell cannot be had there are no cells at
// all: a matrix with holes would look like one that is smaller.
func (h Host) sshd(ctx context.Context, r facts.Request, s *facts.Session) (*facts.SSHD, error) {
	var out facts.SSHD
	var validErr, cellsErr error
	origins, varies, originsErr := h.origins()
	out.Origins = origins
	var wait sync.WaitGroup
	wait.Go(func() { out.Valid, out.Invalid, validErr = h.sshdValid(ctx) })
	out.Cells, cellsErr = h.cells(ctx, newCells(r.Users, sources(r, s)), s, varies)
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

// plainInclude is an Include whose files we list just as glob(3) would.
var plainInclude = regexp.MustCompile(`(?i)^include([ \t]+[a-z0-9/_.*-]+)+$`)

// mayVary reports whether a line could make sshd's answer depend on who logs
// in: as a Match block, or by including a file that we would not find. It does
// not parse, so that nothing that sshd parses otherwise can slip through.
func mayVary(line string) bool {
	line = strings.ToLower(strings.Trim(line, blanks))
	bare := strings.ReplaceAll(line, `"`, "") // mat"ch" is a keyword too
	switch {
	case strings.HasPrefix(line, "#"):
		return false
	case strings.Contains(bare, "include"):
		return !plainInclude.MatchString(line)
	}
	return strings.Contains(bare, "match")
}
