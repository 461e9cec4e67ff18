package node

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	aptLists = "/var/lib/apt/lists"
	// maxList is the largest list that is read; Debian's security list has a few megabytes.
	maxList = 128 << 20
)

// securityList is how apt names a list of a security archive, and what comes
// before the name of its release file.
var securityList = regexp.MustCompile(`^(.*_dists_[a-z0-9.~+]+-security_).*_Packages(\.[a-z0-9]+)?$`)

// updates compares what is installed with the host's own lists of the security
// archives. apt would tell the same in a second, this takes some milliseconds.
func (h Host) updates() (*facts.Updates, error) {
	names, err := h.names(aptLists)
	if err != nil {
		return nil, fmt.Errorf("read lists of packages: %w", err)
	}
	u := facts.Updates{Lists: []facts.UpdateList{}, Pending: []facts.PendingUpdate{}}
	available := map[string]string{}
	for _, name := range names {
		match := securityList.FindStringSubmatch(name)
		if match == nil {
			continue
		}
		list := facts.UpdateList{File: path.Join(aptLists, name)}
		if list.Packages, err = h.readList(list.File, match[2], available); err != nil {
			return nil, fmt.Errorf("read lists of packages: %s: %w", list.File, err)
		}
		if list.Date, list.ValidUntil, err = h.releaseDates(path.Join(aptLists, match[1])); err != nil {
			return nil, fmt.Errorf("read lists of packages: %w", err)
		}
		u.Lists = append(u.Lists, list)
	}
	if len(u.Lists) == 0 {
		return &u, nil
	}
	u.Pending, err = h.pendingUpdates(available)
	return &u, err
}

// readList takes the newest version of each package into available, under
// NAME:ARCH.
func (h Host) readList(file, ending string, available map[string]string) (int, error) {
	f, err := os.Open(h.path(file))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var in io.Reader = f
	switch ending {
	case "":
	case ".gz":
		if in, err = gzip.NewReader(f); err != nil {
			return 0, err
		}
	default:
		return 0, fmt.Errorf("it is compressed as %s, which is not read here: set Acquire::GzipIndexes to false and run apt-get update", ending[1:])
	}
	return parseList(io.LimitReader(in, maxList), available)
}

func parseList(in io.Reader, available map[string]string) (int, error) {
	n := 0
	var name, version, arch string
	finish := func() {
		if name != "" && version != "" {
			n++
			key := name + ":" + arch
			if have, found := available[key]; !found || compareVersions(version, have) > 0 {
				available[key] = version
			}
		}
		name, version, arch = "", "", ""
	}
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 64<<10), 4<<20)
	for scan.Scan() {
		line := scan.Text()
		switch {
		case line == "":
			finish()
		case strings.HasPrefix(line, "Package:"):
			name = strings.TrimSpace(line[len("Package:"):])
		case strings.HasPrefix(line, "Version:"):
			version = strings.TrimSpace(line[len("Version:"):])
		case strings.HasPrefix(line, "Architecture:"):
			arch = strings.TrimSpace(line[len("Architecture:"):])
		}
	}
	finish()
	return n, scan.Err()
}

// releaseDates are the dates of the release file that belongs to a list.
func (h Host) releaseDates(prefix string) (date, until int64, err error) {
	for _, name := range []string{"InRelease", "Release"} {
		b, err := h.readSmall(prefix + name)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			at, err := time.Parse(time.RFC1123, value)
			if err != nil {
				continue
			}
			switch key {
			case "Date":
				date = at.Unix()
			case "Valid-Until":
				until = at.Unix()
			}
		}
		return date, until, nil
	}
	return 0, 0, nil
}
