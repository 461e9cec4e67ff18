package node

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func parseGroups(text string) ([]facts.Group, error) {
	var groups []facts.Group
	for n, line := range databaseLines(text) {
		f := strings.Split(line, ":")
		if len(f) != 4 || f[0] == "" {
			return nil, fmt.Errorf("line %d is no group", n)
		}
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("line %d has no number for %s", n, f[0])
		}
		g := facts.Group{Name: f[0], GID: int(gid), Members: []string{}}
		for member := range strings.SplitSeq(f[3], ",") {
			if member = strings.TrimSpace(member); member != "" {
				g.Members = append(g.Members, member)
			}
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// wordLines are the lines that say something.
func wordLines(text string) []string {
	out := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// loginDefault is the value of a key of login.defs; the last one counts.
func loginDefault(text, key string) string {
	value := ""
	for _, line := range wordLines(text) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == key {
			value = words[1]
		}
	}
	return value
}
