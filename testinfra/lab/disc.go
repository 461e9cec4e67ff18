//go:build linux

package lab

import (
	"context"
	"strings"
)

// Disc writes the machine's first-boot configuration as a disc for its drive,
// from which cloud-init reads it.
func (p Plain) Disc(ctx context.Context, path string) error {
	if err := p.check(); err != nil {
		return err
	}
	s, err := p.seed()
	if err != nil {
		return err
	}
	return s.disc(ctx, path)
}

// WithNewHostKey gives the machine a host key, by which it is known before it
// has booted.
func (p Plain) WithNewHostKey(ctx context.Context) (Plain, error) {
	private, public, err := newIdentity(ctx, p.Name)
	if err != nil {
		return Plain{}, err
	}
	p.HostKey, p.HostKeyPublic = string(private), strings.TrimSpace(string(public))
	return p, nil
}
