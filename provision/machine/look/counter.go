package look

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ownTable is the head of our own firewall table as nft prints it.
const ownTable = "table inet k3sedge {"

// errTable is a listing that is not that of our table.
var errTable = errors.New("nft did not print table inet k3sedge")

var (
	counterText = regexp.MustCompile(`\bcounter packets (\d+) bytes \d+`)
	commentText = regexp.MustCompile(` comment "([^"]*)"$`)
	chainText   = regexp.MustCompile(`^chain (\S+) \{`)
)

// counters reads the counting rules of our own table. A table that is not
// there is an error, in nft's own words.
func (h host) counters(ctx context.Context) ([]Counter, error) {
	out, err := h.run(ctx, nft, "--terse", "list", "table", "inet", "k3sedge")
	if err != nil {
		return nil, err
	}
	return parseCounters(out)
}

// parseCounters reads nft's own text rather than its JSON: most rules are known
// by their text only, and JSON has none.
func parseCounters(out string) ([]Counter, error) {
	if !strings.HasPrefix(strings.TrimSpace(out), ownTable) {
		return nil, errTable
	}
	var counters []Counter
	chain := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if m := chainText.FindStringSubmatch(line); m != nil {
			chain = m[1]
		}
		m := counterText.FindStringSubmatch(line)
		if m == nil || chain == "" {
			continue
		}
		packets, err := strconv.ParseUint(m[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", line, err)
		}
		rule := strings.Replace(line, m[0], "counter", 1)
		if c := commentText.FindStringSubmatch(line); c != nil {
			rule = c[1]
		}
		counters = append(counters, Counter{Chain: chain, Rule: rule, Packets: packets})
	}
	return counters, nil
}
