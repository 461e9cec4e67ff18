package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
			return runRanges(c.Context, s, c.String("file"), c.Bool("refresh"))
		},
	}, "", `k3sedge cloudflare-ranges
k3sedge cloudflare-ranges --refresh && k3sedge up --plan`)
}

// cloudflare is where Cloudflare publishes its networks.
const cloudflare = "https://www.cloudflare.com"

func runRanges(ctx context.Context, s Streams, file string, refresh bool) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	have, err := loadRanges(file)
	if err != nil {
		return err
	}
	if refresh {
		client := &http.Client{Timeout: 30 * time.Second}
		now, err := traefik.FetchRanges(ctx, client, cloudflare)
		if err != nil {
			return couldNotLook{err}
		}
		tellRanges(s, have, now)
		if err := inventory.Replace(rangesFile(file), []byte(lines(now)), 0o644); err != nil {
			return fmt.Errorf("keep Cloudflare's networks: %w", err)
		}
		have = now
	}
	fmt.Fprint(s.Out, lines(have))
	return nil
}

// rangesFile lies beside the cluster's file.
func rangesFile(file string) string {
	return filepath.Join(filepath.Dir(file), "cloudflare-ranges.txt")
}

// loadRanges are those beside the cluster's file, or those of the program.
func loadRanges(file string) ([]netip.Prefix, error) {
	kept, err := traefik.LoadRanges(rangesFile(file))
	if errors.Is(err, fs.ErrNotExist) {
		return traefik.Ranges(), nil
	}
	return kept, err
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
