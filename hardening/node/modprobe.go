package node

import (
	"path"
	"strings"
)

// modprobeDirs are the folders of modprobe.d, the strongest first.
func modprobeDirs() []string {
	return []string{"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"}
}

// modprobeRule is one line of modprobe.d that keeps a module away.
type modprobeRule struct {
	module  string // perhaps a pattern
	install string // "" for blacklist
	file    string
}

type modprobeRules []modprobeRule

func (h Host) modprobeRules() (modprobeRules, error) {
	files, err := h.confFiles(modprobeDirs())
	if err != nil {
		return nil, err
	}
	var out modprobeRules
	for _, file := range files {
		content, err := h.readConf(file)
		if err != nil {
			return nil, err
		}
		out = append(out, parseModprobe(file, content)...)
	}
	return out, nil
}

// parseModprobe reads the lines "install MODULE COMMAND" and "blacklist
// MODULE"; a backslash joins a line to the next one.
func parseModprobe(file, content string) []modprobeRule {
	var out []modprobeRule
	content = strings.ReplaceAll(content, "\\\n", " ")
	for line := range strings.Lines(content) {
		words := strings.Fields(line)
		switch {
		case len(words) >= 3 && words[0] == "install":
			out = append(out, modprobeRule{moduleName(words[1]), strings.Join(words[2:], " "), file})
		case len(words) >= 2 && words[0] == "blacklist":
			out = append(out, modprobeRule{module: moduleName(words[1]), file: file})
		}
	}
	return out
}

// lookup finds what the rules say of a module: of several commands the first
// one counts, as for modprobe.
func (rs modprobeRules) lookup(name string) (install, file string, blacklisted bool) {
	for _, r := range rs {
		match, err := path.Match(r.module, name)
		switch {
		case err != nil || !match:
		case r.install == "":
			blacklisted = true
		case install == "":
			install, file = r.install, r.file
		}
	}
	return install, file, blacklisted
}
