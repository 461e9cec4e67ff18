package node

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const dpkgStatus = "/var/lib/dpkg/status"

// packages reads dpkg's own database: dpkg-query would print the same, later.
func (h Host) packages(names []string) (map[string]string, error) {
	if len(names) == 0 {
		return map[string]string{}, nil
	}
	b, err := os.ReadFile(h.path(dpkgStatus))
	if err != nil {
		return nil, fmt.Errorf("read packages: %w", err)
	}
	installed := parsePackages(string(b))
	if len(installed) == 0 {
		return nil, errors.New("read packages: no installed package in " + dpkgStatus)
	}
	out := map[string]string{}
	for _, name := range names {
		out[name] = installed[name]
	}
	return out, nil
}

// parsePackages returns the versions of the installed packages. A package that
// is installed for a second architecture has ":arch" after its name.
func parsePackages(status string) map[string]string {
	out := map[string]string{}
	var name, arch, version, state string
	finish := func() {
		if name != "" && strings.HasSuffix(state, " installed") {
			key := name
			if _, taken := out[key]; taken {
				key += ":" + arch
			}
			out[key] = version
		}
		name, arch, version, state = "", "", "", ""
	}
	for line := range strings.Lines(status) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			finish()
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "package":
			name = value
		case "architecture":
			arch = value
		case "version":
			version = value
		case "status":
			state = value
		}
	}
	finish()
	return out
}
