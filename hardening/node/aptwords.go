package node

import "strings"

// aptWords cuts a file of apt's into names, quoted values, braces and
// semicolons, without comments. #clear is a word; any other # begins a comment.
func aptWords(text string) []string {
	var out []string
	for i := 0; i < len(text); {
		n, word := aptWord(text[i:])
		if word != "" {
			out = append(out, word)
		}
		i += n
	}
	return out
}

// aptWord returns the length of what comes next, and the word if it is one.
func aptWord(text string) (int, string) {
	switch c := text[0]; {
	case strings.HasPrefix(text, "/*"):
		if end := strings.Index(text, "*/"); end >= 0 {
			return end + 2, ""
		}
		return len(text), ""
	case strings.HasPrefix(text, "//"), c == '#' && !strings.HasPrefix(strings.ToLower(text), "#clear"):
		return lineLength(text), ""
	case strings.ContainsRune(" \t\r\n", rune(c)):
		return 1, ""
	case strings.ContainsRune("{};", rune(c)):
		return 1, text[:1]
	case c == '"':
		if end := strings.IndexByte(text[1:], '"'); end >= 0 {
			return end + 2, text[:end+2]
		}
		return len(text), ""
	}
	end := strings.IndexAny(text, " \t\r\n{};\"")
	if end < 0 {
		end = len(text)
	}
	return max(end, 1), text[:max(end, 1)]
}

func lineLength(text string) int {
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return end + 1
	}
	return len(text)
}
