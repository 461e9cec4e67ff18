package iso

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	sector = 2048
	first  = 16 // the sector of the first volume descriptor
)

// ErrNone is data that is no ISO 9660 image at all.
var ErrNone = errors.New("no ISO 9660 volume")

var errDamaged = errors.New("damaged ISO")

// Disc is an image's label and the files of its root folder by name.
type Disc struct {
	Label string
	Files map[string][]byte
}

// Read reads an image. The data may come from anybody: lengths are not trusted.
func Read(data []byte) (Disc, error) {
	if v, err := part(data, first*sector, 6); err != nil || string(v[1:]) != "CD001" {
		return Disc{}, ErrNone
	}
	for at := first; ; at++ {
		v, err := part(data, at*sector, sector)
		switch {
		case err != nil:
			return Disc{}, err
		case v[0] == 255:
			return Disc{}, fmt.Errorf("%w: no primary volume", errDamaged)
		case v[0] == 1:
			root, err := extent(data, v[156:190])
			if err != nil {
				return Disc{}, err
			}
			files, err := folder(data, root)
			return Disc{Label: strings.TrimRight(string(v[40:72]), " \x00"), Files: files}, err
		}
	}
}

// part is so many bytes at an offset.
func part(data []byte, at, size int) ([]byte, error) {
	if at < 0 || size < 0 || at > len(data) || size > len(data)-at {
		return nil, fmt.Errorf("%w: it ends early", errDamaged)
	}
	return data[at : at+size], nil
}

// extent is what a directory record points to.
func extent(data, record []byte) ([]byte, error) {
	at, size := binary.LittleEndian.Uint32(record[2:]), binary.LittleEndian.Uint32(record[10:])
	return part(data, int(at)*sector, int(size))
}

// folder reads the files among the records of a directory.
func folder(data, records []byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	for at := 0; at < len(records); {
		size := int(records[at])
		if size == 0 { // no record crosses into the next sector
			at += sector - at%sector
			continue
		}
		r, err := part(records, at, size)
		if err != nil || size < 34 || 33+int(r[32]) > size {
			return nil, fmt.Errorf("%w: a wrong directory record", errDamaged)
		}
		at += size
		if r[25]&2 != 0 {
			continue // a folder, the root itself among them
		}
		name, err := nameOf(r)
		if err != nil {
			return nil, err
		}
		if files[name], err = extent(data, r); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// nameOf is the Rock Ridge name of a record or, without one, its own in the
// way in which Linux shows it.
func nameOf(r []byte) (string, error) {
	end := 33 + int(r[32])
	plain, _, _ := strings.Cut(strings.ToLower(string(r[33:end])), ";")
	name := ""
	for use := r[min(end+end%2, len(r)):]; len(use) >= 5 && use[0] != 0; use = use[use[2]:] {
		size := int(use[2])
		if size < 4 || size > len(use) {
			return "", fmt.Errorf("%w: a wrong system use field", errDamaged)
		}
		switch string(use[:2]) {
		case "NM":
			name += string(use[min(5, size):size])
		case "CE":
			return "", fmt.Errorf("%w: %s goes on elsewhere, which this reader does not follow", errDamaged, plain)
		}
	}
	if name != "" {
		return name, nil
	}
	return strings.TrimSuffix(plain, "."), nil
}
