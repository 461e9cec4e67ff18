package ssh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/k3sedge/k3sedge/provision/machine"
)

var (
	// errNoKeys is a pin without a key, which would trust nobody; final.
	errNoKeys = errors.New("no key given")
	// errWritable is a file of pins into which others could write theirs; final.
	errWritable = errors.New("others may write to it")
)

// Pins is the host keys we expect, kept in a known_hosts file that OpenSSH
// can use too (-o UserKnownHostsFile=FILE). The node's name is an entry of
// its own, so that HostKeyAlias works.
type Pins struct {
	path string

	mu       sync.Mutex
	pins     []pin
	expected []pin // in memory only, and above those of the file
}

// OpenPins reads the file at path; a file that is not there has no pins.
func OpenPins(path string) (*Pins, error) {
	p := &Pins{path: path}
	if err := p.read(); err != nil {
		return nil, err
	}
	return p, nil
}

// Get returns the keys pinned for a node's name, or for an address as
// known_hosts writes it. While a key is being rotated there are two.
func (p *Pins) Get(name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if keys := keysOf(p.expected, name); len(keys) > 0 {
		return keys
	}
	return keysOf(p.pins, name)
}

func keysOf(pins []pin, name string) []string {
	var keys []string
	for _, line := range pins {
		if slices.Contains(line.names, name) && !slices.Contains(keys, line.key) {
			keys = append(keys, line.key)
		}
	}
	return keys
}

// Expect is Set for those who only look: keys are the ones that are accepted
// until something else is set, and the file stays as it is.
func (p *Pins) Expect(name, address string, keys ...string) error {
	names, added, err := pinsFor(name, address, keys)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(without(p.expected, name, names...), added...)
	return nil
}

// Set makes keys the only ones that are accepted for name at address
// (host:port), and writes the file. An address that belonged to another name
// is taken from it.
func (p *Pins) Set(name, address string, keys ...string) error {
	names, added, err := pinsFor(name, address, keys)
	if err != nil {
		return err
	}
	return p.change(func(pins []pin) []pin { return append(without(pins, name, names...), added...) }, name, names...)
}

// pinsFor are the lines for a host, and the names under which it is known.
func pinsFor(name, address string, keys []string) (names []string, lines []pin, err error) {
	names = []string{name}
	if other := addressName(address); other != name {
		names = append(names, other)
	}
	for _, n := range names {
		if !pinName.MatchString(n) {
			return nil, nil, fmt.Errorf("pin host key for %q: %w", n, errPinName)
		}
	}
	if len(keys) == 0 {
		return nil, nil, fmt.Errorf("pin host key for %s: %w", name, errNoKeys)
	}
	for _, line := range keys {
		key, err := parseKey(line)
		if err != nil {
			return nil, nil, fmt.Errorf("pin host key for %s: %w", name, err)
		}
		lines = append(lines, pin{names: names, key: keyLine(key)})
	}
	return names, lines, nil
}

// Forget removes every pin of name.
func (p *Pins) Forget(name string) error {
	return p.change(func(pins []pin) []pin { return without(pins, name) }, name)
}

// without drops the lines of name, and names from the lines of others.
func without(pins []pin, name string, names ...string) []pin {
	var kept []pin
	for _, line := range pins {
		if slices.Contains(line.names, name) {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(line.names), func(n string) bool { return slices.Contains(names, n) })
		if len(line.names) > 0 && len(left) == 0 {
			continue
		}
		line.names = left
		kept = append(kept, line)
	}
	return kept
}

// change reads the file again, so that pins of another process survive, and
// replaces it. What is pinned already is not written again. Two processes that
// do this at the same moment have to keep each other out with a lock. What was
// expected of name, and at names, counts no longer.
func (p *Pins) change(edit func([]pin) []pin, name string, names ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.read(); err != nil {
		return err
	}
	p.expected = without(p.expected, name, names...)
	changed := edit(p.pins)
	if slices.EqualFunc(changed, p.pins, func(a, b pin) bool { return a.key == b.key && slices.Equal(a.names, b.names) }) {
		return nil
	}
	if err := replaceFile(p.path, formatPins(changed)); err != nil {
		return fmt.Errorf("write pinned host keys: %w", err)
	}
	p.pins = changed
	return nil
}

func (p *Pins) read() error {
	info, err := os.Stat(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		p.pins = nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("read pinned host keys: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return machine.WithHint(fmt.Errorf("read pinned host keys %s: %w", p.path, errWritable), "chmod 0600 %s, and check the keys in it", p.path)
	}
	data, err := os.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("read pinned host keys: %w", err)
	}
	pins, err := parsePins(data)
	if err != nil {
		return machine.WithHint(fmt.Errorf("read pinned host keys %s: %w", p.path, err), "remove that line and run `k3sedge trust NODE` for its machine")
	}
	p.pins = pins
	return nil
}

// replaceFile writes a file of mode 0600 so that a crash leaves the old
// content or the new.
func replaceFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
