package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// mounts reads what is mounted where, in the order of mounting: what comes
// later at the same place hides what was there.
func (h Host) mounts() ([]facts.Mount, error) {
	b, err := h.readSmall("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	out := parseMounts(string(b))
	if len(out) == 0 {
		return nil, errors.New("read mounts: /proc/self/mountinfo names none")
	}
	return out, nil
}

// parseMounts reads lines of ID PARENT MAJOR:MINOR ROOT POINT OPTIONS … - TYPE SOURCE SUPER.
func parseMounts(text string) []facts.Mount {
	var out []facts.Mount
	for line := range strings.Lines(text) {
		left, right, found := strings.Cut(strings.TrimSpace(line), " - ")
		head, tail := strings.Fields(left), strings.Fields(right)
		if !found || len(head) < 6 || len(tail) < 1 {
			continue
		}
		out = append(out, facts.Mount{Point: unescapeMount(head[4]), Type: tail[0], Options: strings.Split(head[5], ",")})
	}
	return out
}

// unescapeMount reads \040 as a blank, as the kernel writes it.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
