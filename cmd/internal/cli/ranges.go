package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/inventory"
)

func newRangesCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "cloudflare-ranges", Usage: "show the networks of Cloudflare that edge.mode portforward trusts",
		Description: `They came with the program. --refresh asks Cloudflare for today's and keeps them in
cloudflare-ranges.txt beside the cluster's file; k3sedge up then uses those.`,
		Flags: []cli.Flag{fileFlag(), switchFlag("refresh", "ask Cloudflare and write cloudflare-ranges.txt")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			return runRanges(c.Context, s, rangesOptions{c.String("file"), traefik.CloudflareURL, c.Bool("refresh")})
		},
	}, "", `k3sedge cloudflare-ranges
k3sedge cloudflare-ranges --refresh && k3sedge up --plan`)
}

// rangesOptions are the flags of `k3sedge cloudflare-ranges`.
type rangesOptions struct {
	file, from string // from is where Cloudflare publishes its networks
	refresh    bool
}

func runRanges(ctx context.Context, s Streams, o rangesOptions) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	networks, err := loadRanges(o.file)
	if o.refresh {
		// A file that cannot be read is no reason: it is written anew.
		networks, err = refreshRanges(ctx, s, o, networks)
	}
	if err != nil {
		return err
	}
	fmt.Fprint(s.Out, lines(networks))
	return nil
}

// refreshRanges keeps what Cloudflare publishes now, and tells what is another
// than before.
func refreshRanges(ctx context.Context, s Streams, o rangesOptions, before []netip.Prefix) ([]netip.Prefix, error) {
	client := &http.Client{Timeout: 30 * time.Second}
	now, err := traefik.FetchRanges(ctx, client, o.from)
	if err != nil {
		return nil, couldNotLook{orHint(err, "the list that was in use stays; the answer may come from somebody between you and Cloudflare")}
	}
	tellRanges(s, before, now)
	if err := inventory.Replace(rangesFile(o.file), []byte(lines(now)), 0o644); err != nil {
		return nil, fmt.Errorf("keep Cloudflare's networks: %w", err)
	}
	return now, nil
}

// rangesFile lies beside the cluster's file.
func rangesFile(file string) string {
	return filepath.Join(filepath.Dir(file), traefik.RangesFile)
}

// loadRanges are those beside the cluster's file, or those of the program.
func loadRanges(file string) ([]netip.Prefix, error) {
	networks, err := traefik.LoadRanges(rangesFile(file))
	if err != nil {
		return nil, usageError{orHint(err, "make it a file that you can read, or remove it to use the list that k3sedge carries")}
	}
	return networks, nil
}

// tellRanges says what a refresh changed.
func tellRanges(s Streams, before, after []netip.Prefix) {
	changed := false
	for _, p := range after {
		if !slices.Contains(before, p) {
			fmt.Fprintf(s.Err, "new: %s\n", p)
			changed = true
		}
	}
	for _, p := range before {
		if !slices.Contains(after, p) {
			fmt.Fprintf(s.Err, "gone: %s\n", p)
			changed = true
		}
	}
	if !changed {
		fmt.Fprintln(s.Err, "no change")
	}
}

func lines(prefixes []netip.Prefix) string {
	var b strings.Builder
	for _, p := range prefixes {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}
