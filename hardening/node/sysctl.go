package node

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	procSys  = "/proc/sys/"
	canWrite = 2 // W_OK of access(2)
)

// sysctls fills into and returns the keys that could not be read, which are left out.
func (h Host) sysctls(keys []string, into *map[string]facts.Sysctl) map[string]error {
	out, missing := map[string]facts.Sysctl{}, map[string]error{}
	persistent, err := h.persistentSysctls()
	keys, patternErrs := h.expandSysctls(keys)
	maps.Copy(missing, patternErrs)
	for _, key := range keys {
		if strings.Contains(key, "*") {
			out[key] = facts.Sysctl{} // its entry says that the keys were listed
			continue
		}
		value, keyErr := h.sysctl(key)
		if err := errors.Join(err, keyErr); err != nil {
			missing[key] = err
			continue
		}
		value.Origin, value.Persistent = persistent.lookup(sysctlPath(key))
		out[key] = value
	}
	*into = out
	return missing
}

// expandSysctls adds to each pattern such as net.ipv4.conf.*.rp_filter the keys
// that match it now.
func (h Host) expandSysctls(keys []string) (out []string, failed map[string]error) {
	failed = map[string]error{}
	for _, key := range keys {
		before, after, pattern := strings.Cut(key, ".*.")
		if !pattern {
			out = append(out, key)
			continue
		}
		names, err := h.names(procSys + sysctlPath(before))
		if err != nil {
			failed[key] = err
			continue
		}
		out = append(out, key)
		for _, name := range names {
			// A dot in an interface's name is written as a slash in a key.
			out = append(out, before+"."+strings.ReplaceAll(name, ".", "/")+"."+after)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), failed
}

func (h Host) sysctl(key string) (facts.Sysctl, error) {
	path, err := h.sysctlFile(key)
	if err != nil {
		return facts.Sysctl{}, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return facts.Sysctl{Absent: true}, nil
	}
	if err != nil {
		return facts.Sysctl{}, err
	}
	// access(2) asks without writing: /proc/sys is mounted read-only where
	// it belongs to the container's host, and some keys only tell.
	err = syscall.Access(path, canWrite)
	readOnly := errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
	if err != nil && !readOnly {
		return facts.Sysctl{}, fmt.Errorf("ask whether %s can be written: %w", path, err)
	}
	return facts.Sysctl{Value: sysctlValue(string(b)), ReadOnly: readOnly}, nil
}

// sysctlFile is the file of a key on this host; a key cannot leave /proc/sys.
func (h Host) sysctlFile(key string) (string, error) {
	path := sysctlPath(key)
	if path == "" || !fs.ValidPath(path) {
		return "", fmt.Errorf("sysctl %q: not a key", key)
	}
	return h.path(procSys + path), nil
}

// sysctlPath turns a key into a path below /proc/sys, as systemd does: the
// separator that comes first separates, the other one stands for it.
func sysctlPath(key string) string {
	i := strings.IndexAny(key, "./")
	if i < 0 || key[i] == '/' {
		return key
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// sysctlValue makes values comparable: the kernel separates by tabs what
// people separate by blanks.
func sysctlValue(s string) string { return strings.Join(strings.Fields(s), " ") }
