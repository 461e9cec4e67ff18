package firewall

import (
	"fmt"
	"strings"
)

// nftWords are a line's words; a quoted one keeps its first quote, and a
// comment is left out.
func nftWords(line string) ([]string, error) {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " \t") {
		end := strings.IndexAny(line, " \t,;{}#\"")
		switch {
		case end < 0:
			end = len(line)
		case end > 0:
		case line[0] == '#':
			return words, nil
		case line[0] == '"':
			quote := strings.IndexByte(line[1:], '"')
			if quote < 0 {
				return nil, fmt.Errorf("a quote without its partner")
			}
			words, line = append(words, line[:quote+1]), line[quote+2:]
			continue
		default:
			end = 1
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words, nil
}
