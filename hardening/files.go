package hardening

import (
	"fmt"
	"maps"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// differs reports whether a file is not as wanted: content, mode, root's.
func differs(have facts.File, content string, mode uint32) bool {
	return !have.Exists || have.Content != content || have.Mode != mode || have.UID != 0 || have.GID != 0
}

// looseFiles are the files of which root is not the owner, or whose mode
// allows more than it may. One that is not there allows nothing.
func looseFiles(f *facts.Facts, most uint32, among func(name string) bool) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Files)) {
		have := f.Files[name]
		if among(name) && have.Exists && (have.Mode&^most != 0 || have.UID != 0 || have.GID != 0) {
			out = append(out, name)
		}
	}
	return out
}

// modeLine is a file's mode and owner as evidence.
func modeLine(f *facts.Facts, name string) string {
	have := f.Files[name]
	return fmt.Sprintf("%s: mode %04o, owner %d:%d", name, have.Mode, have.UID, have.GID)
}
