package node

import (
	"net/url"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// stanzaSources reads the newer form: fields by line, stanzas between empty lines.
func stanzaSources(text string) []facts.AptSource {
	var out []facts.AptSource
	fields, n, begin, last := map[string]string{}, 0, 0, ""
	for line := range strings.Lines(text + "\n\n") {
		n++
		line = strings.TrimRight(line, "\r\n")
		key, value, found := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "":
			out = append(out, stanzaSource(fields, begin)...)
			fields, last = map[string]string{}, ""
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += " " + strings.TrimSpace(line)
		case found:
			if len(fields) == 0 {
				begin = n
			}
			last = strings.ToLower(strings.TrimSpace(key))
			fields[last] = strings.TrimSpace(value)
		}
	}
	return out
}

// stanzaSource is one source for each address and suite of a stanza.
func stanzaSource(fields map[string]string, line int) []facts.AptSource {
	if isOff(fields["enabled"]) || fields["types"] == "" {
		return nil
	}
	var out []facts.AptSource
	for _, uri := range strings.Fields(fields["uris"]) {
		for _, suite := range strings.Fields(fields["suites"]) {
			s := facts.AptSource{URI: plainURI(uri), Suite: suite, Options: map[string]string{}, Line: line}
			for key, value := range fields {
				sourceOption(&s, key, value)
			}
			out = append(out, s)
		}
	}
	return out
}

func isOff(value string) bool {
	switch strings.ToLower(value) {
	case "no", "false", "0", "off", "without", "disable":
		return true
	}
	return false
}

// sourceOption takes up what weakens or names the keys of a source.
func sourceOption(s *facts.AptSource, key, value string) {
	key = strings.ToLower(strings.TrimRight(key, "+-"))
	switch key {
	case "signed-by":
		s.SignedBy = value != ""
	case "trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure", "check-valid-until":
		s.Options[key] = strings.ToLower(value)
	}
}

// plainURI leaves credentials and parameters out of an address.
func plainURI(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "an address that cannot be read"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
