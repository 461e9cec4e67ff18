package hardening

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// systemdConfDirs are the folders of drop-ins, the strongest first.
func systemdConfDirs() []string {
	return []string{"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"}
}

// systemdConfFiles are the files that say how a part of systemd shall work,
// such as those of journald.
func systemdConfFiles(conf string) []string {
	files := []string{"/etc/systemd/" + conf + ".conf"}
	for _, dir := range systemdConfDirs() {
		files = append(files, dir+"/"+conf+".conf.d/*.conf")
	}
	return files
}

// systemdSetting is what a key of such a file is set to, and where. The main
// file is read first, then the drop-ins by their names; one in a stronger
// folder hides those of the same name. The last one counts.
func systemdSetting(f *facts.Facts, conf, key string) (value, file string) {
	names := []string{"/etc/systemd/" + conf + ".conf"}
	byBase := map[string]string{}
	for _, dir := range systemdConfDirs() {
		for name := range f.Files {
			base := path.Base(name)
			if _, hidden := byBase[base]; path.Dir(name) == dir+"/"+conf+".conf.d" && !strings.Contains(base, "*") && !hidden {
				byBase[base] = name
			}
		}
	}
	for _, base := range slices.Sorted(maps.Keys(byBase)) {
		names = append(names, byBase[base])
	}
	for _, name := range names {
		for k, v := range assignmentsIn(f.Files[name].Content) {
			if k == key {
				value, file = v, name
			}
		}
	}
	return value, file
}

// assignmentsIn are the lines KEY=VALUE of a file of systemd's, in order.
func assignmentsIn(content string) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		for line := range strings.Lines(content) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' || line[0] == ';' || line[0] == '[' {
				continue
			}
			if key, value, found := strings.Cut(line, "="); found && !yield(strings.TrimSpace(key), strings.TrimSpace(value)) {
				return
			}
		}
	}
}

// confLine is a setting as evidence.
func confLine(conf, key, value, file string) string {
	if file == "" {
		return fmt.Sprintf("%s.conf: no file sets %s", conf, key)
	}
	return fmt.Sprintf("%s: %s=%s", file, key, value)
}
