package node

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const moduliFile = sshDir + "/moduli"

// moduli counts the groups of sshd's file by their size. One that is not there has none.
func (h Host) moduli(file string) (*facts.Moduli, error) {
	if file == "" {
		return nil, errors.New("sshd did not say where its moduli are")
	}
	out := facts.Moduli{File: file, Sizes: map[int]int{}}
	content, err := h.readSmall(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &out, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(content)) {
		if size, ok := modulusSize(line); ok {
			out.Sizes[size]++
		}
	}
	return &out, nil
}

// modulusSize is the fifth field of a line: time, type, tests, tries, size,
// generator, modulus. Comments and what sshd passes over have none.
func modulusSize(line string) (int, bool) {
	const size, fields = 4, 7
	f := strings.Fields(line)
	if len(f) != fields || strings.HasPrefix(f[0], "#") {
		return 0, false
	}
	n, err := strconv.Atoi(f[size])
	return n, err == nil && n > 0
}

// errNoModuli is a file of which nothing would be left: sshd would then fall
// back to a group of 2048 bits.
var errNoModuli = errors.New("no group would be left")

// keepModuli leaves out the groups with fewer bits than least; comments stay.
func keepModuli(content string, least int) (string, error) {
	var out strings.Builder
	kept := 0
	for line := range strings.Lines(content) {
		size, group := modulusSize(line)
		if group && size < least {
			continue
		}
		if group {
			kept++
		}
		out.WriteString(line)
	}
	if kept == 0 {
		return "", fmt.Errorf("leave out the moduli below %d bits: %w", least, errNoModuli)
	}
	return out.String(), nil
}

// filled puts in the content of the files whose change says only what it is to
// be made of.
func (h Host) filled(files []facts.FileChange) ([]facts.FileChange, error) {
	out := slices.Clone(files)
	for i, f := range out {
		if f.MinModulus == 0 {
			continue
		}
		if f.Path != moduliFile || f.Absent || f.Content != "" {
			return nil, fmt.Errorf("file %s: the least size of a modulus is for %s alone", f.Path, moduliFile)
		}
		content, err := h.readSmall(f.Path)
		if err != nil {
			return nil, fmt.Errorf("read sshd's moduli: %w", err)
		}
		if out[i].Content, err = keepModuli(string(content), f.MinModulus); err != nil {
			return nil, err
		}
	}
	return out, nil
}
