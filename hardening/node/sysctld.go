package node

import (
	"path"
	"slices"
	"strings"
)

// sysctlDirs are the folders of sysctl.d, the strongest first. Debian reads
// /etc/sysctl.conf only through the link /etc/sysctl.d/99-sysctl.conf.
func sysctlDirs() []string {
	return []string{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"}
}

// assignment is one line of a sysctl.d file.
type assignment struct {
	key     string // path below /proc/sys, perhaps a pattern
	value   string
	exclude bool // "-key": not to be set by patterns
	file    string
}

// assignments are the lines that count, in the order in which they are applied.
type assignments []assignment

// persistentSysctls reads what systemd-sysctl will set at boot.
func (h Host) persistentSysctls() (assignments, error) {
	files, err := h.confFiles(sysctlDirs())
	if err != nil {
		return nil, err
	}
	var out assignments
	for _, file := range files {
		content, err := h.readConf(file)
		if err != nil {
			return nil, err
		}
		for _, a := range parseSysctlFile(file, content) {
			out = slices.DeleteFunc(out, func(old assignment) bool { return old.key == a.key })
			out = append(out, a)
		}
	}
	return out, nil
}

// parseSysctlFile reads "key = value", "-key = value" (do not mind a failure)
// and "-key" (keep patterns away).
func parseSysctlFile(file, content string) []assignment {
	var out []assignment
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, assigned := strings.Cut(line, "=")
		key, minus := strings.CutPrefix(strings.TrimSpace(key), "-")
		if key == "" || !assigned && !minus {
			continue
		}
		out = append(out, assignment{
			key: strings.TrimPrefix(sysctlPath(key), "/"), value: sysctlValue(value), exclude: !assigned, file: file,
		})
	}
	return out
}

// lookup finds what a key will be set to: by its own line, else by the last
// pattern that matches it.
func (as assignments) lookup(key string) (file, value string) {
	for _, a := range as {
		if a.key == key {
			if a.exclude {
				return "", ""
			}
			return a.file, a.value
		}
	}
	for _, a := range slices.Backward(as) {
		if match, err := path.Match(a.key, key); err == nil && match && !a.exclude {
			return a.file, a.value
		}
	}
	return "", ""
}
