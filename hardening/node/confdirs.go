package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// confFiles lists the .conf files of such folders as systemd and modprobe read
// them: by name, whatever the folder, and one in a stronger folder hides those
// of the same name in the weaker ones.
func (h Host) confFiles(dirs []string) ([]string, error) {
	byName := map[string]string{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(h.path(dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", dir, err)
		}
		for _, e := range entries {
			name := e.Name()
			if _, taken := byName[name]; !taken && strings.HasSuffix(name, ".conf") && !strings.HasPrefix(name, ".") && !e.IsDir() {
				byName[name] = path.Join(dir, name)
			}
		}
	}
	var names []string
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = byName[name]
	}
	return names, nil
}

// readConf reads one of them; a link to nowhere has nothing to say.
func (h Host) readConf(file string) (string, error) {
	b, err := os.ReadFile(h.path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}
