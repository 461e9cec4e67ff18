package node

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// aptFacts reads where packages come from.
func (h Host) aptFacts() (*facts.Apt, error) {
	conf, err := h.aptConf()
	if err != nil {
		return nil, err
	}
	files, filesErr := h.filesIn("/etc/apt/sources.list.d", ".list", ".sources")
	keyrings, keyringsErr := h.filesIn("/etc/apt/trusted.gpg.d", ".gpg", ".asc")
	if err := errors.Join(filesErr, keyringsErr); err != nil {
		return nil, fmt.Errorf("read apt's sources: %w", err)
	}
	a := facts.Apt{Conf: conf, Sources: []facts.AptSource{}, Keyrings: keyrings}
	if s, err := h.stat("/etc/apt/trusted.gpg"); err == nil && s.Kind != facts.KindAbsent {
		a.Keyrings = append(a.Keyrings, "/etc/apt/trusted.gpg")
	}
	for _, file := range append([]string{"/etc/apt/sources.list"}, files...) {
		b, err := h.readSmall(file)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read apt's sources: %w", err)
		}
		a.Sources = append(a.Sources, parseSources(file, string(b))...)
	}
	return &a, nil
}

// filesIn lists the files of a folder that end in one of some ways.
func (h Host) filesIn(dir string, ends ...string) ([]string, error) {
	names, err := h.names(dir)
	out := []string{}
	for _, name := range names {
		if slices.Contains(ends, path.Ext(name)) {
			out = append(out, path.Join(dir, name))
		}
	}
	return out, err
}

// parseSources reads either of apt's two forms, by the file's name.
func parseSources(file, text string) []facts.AptSource {
	var out []facts.AptSource
	if path.Ext(file) == ".sources" {
		out = stanzaSources(text)
	} else {
		out = lineSources(text)
	}
	for i := range out {
		out[i].File = file
	}
	return out
}

// lineSources reads lines such as deb [signed-by=FILE] URI SUITE COMPONENTS.
func lineSources(text string) []facts.AptSource {
	var out []facts.AptSource
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		kind, rest := cutWord(strings.TrimSpace(line))
		if kind != "deb" && kind != "deb-src" {
			continue
		}
		s := facts.AptSource{Options: map[string]string{}, Line: n}
		if inner, after, found := strings.Cut(rest, "]"); found && strings.HasPrefix(inner, "[") {
			rest = after
			for _, option := range strings.Fields(inner[1:]) {
				key, value, _ := strings.Cut(option, "=")
				sourceOption(&s, key, value)
			}
		}
		if words := strings.Fields(rest); len(words) >= 2 {
			s.URI, s.Suite = plainURI(words[0]), words[1]
			out = append(out, s)
		}
	}
	return out
}
