package traefik

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// RangesFile is the name, beside k3sedge.yaml, of a list of Cloudflare's
// networks that takes the place of the one that k3sedge carries.
const RangesFile = "cloudflare-ranges.txt"

//go:embed ranges.txt
var carriedRanges []byte

// Ranges are Cloudflare's networks as of this version of k3sedge.
func Ranges() []netip.Prefix {
	ranges, err := ParseRanges(carriedRanges)
	if err != nil {
		return nil // a test reads the same bytes
	}
	return ranges
}

// ParseRanges reads one network a line; # begins a comment. Whoever sends from
// these networks is believed about who its client is, so that a list which
// cannot be Cloudflare's is an error.
func ParseRanges(text []byte) ([]netip.Prefix, error) {
	var ranges []netip.Prefix
	lines := bufio.NewScanner(bytes.NewReader(text))
	v4, n := 0, 0
	for lines.Scan() {
		n++
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		p, err := netip.ParsePrefix(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if why := implausible(p); why != "" {
			return nil, fmt.Errorf("line %d: %s %s", n, p, why)
		}
		if p.Addr().Is4() {
			v4++
		}
		ranges = append(ranges, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	const least = 10
	if v4 < least {
		return nil, fmt.Errorf("only %d IPv4 networks, which is not all of Cloudflare's", v4)
	}
	return ranges, nil
}

// implausible says why a network cannot be one of Cloudflare's, or "".
func implausible(p netip.Prefix) string {
	widest := 8
	if p.Addr().Is6() {
		widest = 16
	}
	switch a := p.Addr(); {
	case p != p.Masked() || a.Is4In6():
		return "is not the address of a network"
	case p.Bits() < widest:
		return "is wider than any provider's network"
	case !a.IsGlobalUnicast() || a.IsPrivate():
		return "is not on the internet"
	}
	return ""
}

// LoadRanges reads the file at path, or returns Ranges if there is none.
func LoadRanges(path string) ([]netip.Prefix, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Ranges(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Cloudflare's networks: %w", err)
	}
	ranges, err := ParseRanges(text)
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("%s: %w", path, err), "get the list anew, or remove the file to use the one that k3sedge carries")
	}
	return ranges, nil
}

// CloudflareURL is where Cloudflare publishes its networks.
const CloudflareURL = "https://www.cloudflare.com"

// FetchRanges gets the current networks from base, which is CloudflareURL.
func FetchRanges(ctx context.Context, client *http.Client, base string) ([]netip.Prefix, error) {
	var text []byte
	for _, list := range []string{"/ips-v4", "/ips-v6"} {
		part, err := fetch(ctx, client, base+list)
		if err != nil {
			return nil, machine.WithHint(fmt.Errorf("get Cloudflare's networks: %w", err), "the list that k3sedge carries, or %s, stays in use", RangesFile)
		}
		text = append(append(text, part...), '\n')
	}
	ranges, err := ParseRanges(text)
	if err != nil {
		return nil, fmt.Errorf("read Cloudflare's networks from %s: %w", base, err)
	}
	return ranges, nil
}

func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	const largest = 64 << 10
	text, err := io.ReadAll(io.LimitReader(resp.Body, largest))
	if err == nil && len(bytes.TrimSpace(text)) == 0 {
		err = fmt.Errorf("%s is empty", url)
	}
	return text, err
}
