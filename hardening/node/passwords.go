package node

import (
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// databaseLines yields the lines of a user database with their numbers,
// without those that stand for NIS.
func databaseLines(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			line = strings.TrimRight(line, "\r\n")
			if strings.TrimSpace(line) == "" || strings.ContainsRune("+-#", rune(line[0])) {
				continue
			}
			if !yield(n, line) {
				return
			}
		}
	}
}

// shadowLine is what may be told of a line of /etc/shadow.
type shadowLine struct {
	kind                            string
	changed, max, inactive, expires int
}

func parseShadow(text string) map[string]shadowLine {
	out := map[string]shadowLine{}
	for _, line := range databaseLines(text) {
		f := strings.Split(line, ":")
		f = append(f, make([]string, 9)...) // old lines are shorter
		if _, taken := out[f[0]]; !taken {
			out[f[0]] = shadowLine{kind: passwordKind(f[1]), changed: days(f[2]), max: days(f[4]), inactive: days(f[6]), expires: days(f[7])}
		}
	}
	return out
}

func days(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// passwordKind names the kind of a hash and forgets the hash.
func passwordKind(hash string) string {
	switch {
	case hash == "":
		return facts.PasswordEmpty
	case strings.HasPrefix(hash, "!") || strings.HasPrefix(hash, "*"):
		return facts.PasswordLocked
	case !strings.HasPrefix(hash, "$"):
		if len(hash) == 13 || strings.HasPrefix(hash, "_") {
			return "des"
		}
		return facts.PasswordLocked // no hash looks like this
	}
	id, _, _ := strings.Cut(hash[1:], "$")
	id, _, _ = strings.Cut(id, ",")
	for name, ids := range map[string][]string{
		"md5": {"1", "md5"}, "bcrypt": {"2", "2a", "2b", "2x", "2y"}, "nt": {"3"}, "sha1": {"sha1"}, "sha256": {"5"}, "sha512": {"6"},
		"scrypt": {"7"}, "yescrypt": {"y"}, "gost-yescrypt": {"gy"}, "sm3": {"sm3"},
	} {
		if slices.Contains(ids, id) {
			return name
		}
	}
	return "unknown"
}
