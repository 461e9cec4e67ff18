package node

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// aptConfFolders are read before apt's main file. What a name may look like,
// apt says in apt.conf(5).
const (
	aptConfDir  = "/etc/apt/apt.conf.d"
	aptConfFile = "/etc/apt/apt.conf"
)

var aptPartName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// toldConf are the settings that are told; others may hold credentials.
func toldConf() []string {
	return []string{
		"apt::periodic::", "unattended-upgrade::", "apt::get::allowunauthenticated", "apt::get::allow-unauthenticated",
		"acquire::allowinsecurerepositories", "acquire::allowweakrepositories", "acquire::allowdowngradetoinsecurerepositories",
		"dpkg::options", "acquire::check-valid-until", "acquire::https::verify-peer", "acquire::https::verify-host",
	}
}

// aptConf reads apt's settings in apt's order.
func (h Host) aptConf() (map[string][]string, error) {
	names, err := h.names(aptConfDir)
	if err != nil {
		return nil, fmt.Errorf("read apt's configuration: %w", err)
	}
	var files []string
	for _, name := range names {
		if aptPartName.MatchString(name) && (!strings.Contains(name, ".") || strings.HasSuffix(name, ".conf")) {
			files = append(files, path.Join(aptConfDir, name))
		}
	}
	conf := aptSettings{}
	for _, file := range append(files, aptConfFile) {
		b, err := h.readSmall(file)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read apt's configuration: %w", err)
		}
		conf.read(aptWords(string(b)))
	}
	told := map[string][]string{}
	for key, values := range conf {
		if slices.ContainsFunc(toldConf(), func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			told[key] = values
		}
	}
	return told, nil
}

// aptSettings are values by the full name in lower case.
type aptSettings map[string][]string

// read takes the words of a file: NAME "value"; and NAME { … }; nest, a value
// without a name inside braces is one of a list, as is one behind NAME::.
func (s aptSettings) read(words []string) {
	var scopes []string
	var pending []string
	for _, word := range words {
		switch word {
		case "{":
			scopes, pending = append(scopes, strings.Join(pending, "")), nil
		case "}":
			scopes, pending = scopes[:max(len(scopes)-1, 0)], nil
		case ";":
			s.set(scopes, pending)
			pending = nil
		default:
			pending = append(pending, word)
		}
	}
}

// set takes what stands before a semicolon.
func (s aptSettings) set(scopes, words []string) {
	if len(words) == 0 {
		return
	}
	name, values := words[0], words[1:]
	if isQuoted(name) {
		name, values = "::", words // one more value of the list around it
	}
	if strings.EqualFold(name, "#clear") {
		s.clear(values)
		return
	}
	full := strings.ToLower(strings.Join(append(slices.Clone(scopes), name), "::"))
	list := strings.HasSuffix(full, "::")
	full = strings.TrimRight(full, ":")
	value := ""
	for _, v := range values {
		value += strings.Trim(v, `"`)
	}
	if !list {
		s[full] = nil // the last one counts
	}
	s[full] = append(s[full], value)
}

// clear forgets a setting and all below it.
func (s aptSettings) clear(names []string) {
	for _, name := range names {
		name = strings.TrimRight(strings.ToLower(name), ":")
		for key := range s {
			if key == name || strings.HasPrefix(key, name+"::") {
				delete(s, key)
			}
		}
	}
}

func isQuoted(word string) bool { return strings.HasPrefix(word, `"`) }
