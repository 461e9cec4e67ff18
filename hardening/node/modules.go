package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// modules reads what modprobe reads, once for all: a modprobe for each would
// cost a start for each.
func (h Host) modules(names []string) (map[string]facts.Module, error) {
	if len(names) == 0 {
		return map[string]facts.Module{}, nil
	}
	loaded, err := os.ReadFile(h.path("/proc/modules"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without modules has no such file
		return nil, fmt.Errorf("list loaded modules: %w", err)
	}
	release, err := h.line("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, fmt.Errorf("find the kernel's modules: %w", err)
	}
	rules, err := h.modprobeRules()
	if err != nil {
		return nil, err
	}
	inKernel := parseLoaded(string(loaded))
	builtIn, err := h.modulesIn("/lib/modules/" + release + "/modules.builtin")
	if err != nil {
		return nil, err
	}
	onDisk, err := h.modulesIn("/lib/modules/" + release + "/modules.dep")
	if err != nil {
		return nil, err
	}
	out := map[string]facts.Module{}
	for _, name := range names {
		key := moduleName(name)
		m := facts.Module{Loaded: inKernel[key], BuiltIn: builtIn[key], OnDisk: onDisk[key]}
		m.Install, m.InstallFile, m.Blacklisted = rules.lookup(key)
		out[name] = m
	}
	return out, nil
}

// moduleName is a module's name as the kernel writes it.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

func parseLoaded(content string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(content) {
		if name, _, found := strings.Cut(line, " "); found {
			out[moduleName(name)] = true
		}
	}
	return out
}

// modulesIn reads modules.builtin or modules.dep. A container has neither.
func (h Host) modulesIn(file string) (map[string]bool, error) {
	b, err := os.ReadFile(h.path(file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	return parseModuleFiles(string(b)), nil
}

// parseModuleFiles reads lines such as "kernel/fs/udf/udf.ko.xz: kernel/lib/crc-itu-t.ko.xz".
func parseModuleFiles(content string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(content) {
		file, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name, _, found := strings.Cut(path.Base(file), ".ko"); found && name != "" {
			out[moduleName(name)] = true
		}
	}
	return out
}
