package release

import (
	"context"
	"fmt"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// Looker tells which files of a release are there.
type Looker interface {
	Look(ctx context.Context, arch string) (Files, []Missing, error)
}

// Fetcher downloads those that are not.
type Fetcher interface {
	Fetch(ctx context.Context, arch string) (Files, error)
}

// step has the files of one architecture on this machine.
type step struct{ arch string }

// NewStep makes the step that has the release's files for an architecture on
// this machine. A Source is both its Looker and its Fetcher.
func NewStep(arch string) converge.Step[Looker, Fetcher] { return step{arch} }

// ID implements converge.Step.
func (s step) ID() string { return "k3s/release-" + s.arch }

// Check implements converge.Step.
func (s step) Check(ctx context.Context, l Looker) ([]converge.Change, error) {
	files, missing, err := l.Look(ctx, s.arch)
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	for _, m := range missing {
		c := converge.Change{ID: m.Name, Want: "of K3s " + files.Version + ", downloaded"}
		if m.Size > 0 {
			c.Want += ", " + amount(m.Size)
		}
		if m.Have > 0 {
			c.Have = amount(m.Have) + " of an earlier download"
		}
		out = append(out, c)
	}
	return out, nil
}

// Apply implements converge.Step.
func (s step) Apply(ctx context.Context, f Fetcher) error {
	_, err := f.Fetch(ctx, s.arch)
	return err
}

// amount is bytes for people, in the unit of download pages.
func amount(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
