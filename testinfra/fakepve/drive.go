package fakepve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var newDiskForm = regexp.MustCompile(`^([^/:\s]+):(\d+(\.\d+)?)$`)

// drive is the value of scsiN and its like.
type drive struct {
	file   string
	values map[string]string
}

func parseDrive(text string) (drive, error) {
	if problem := driveValue(text); problem != "" {
		return drive{}, fmt.Errorf("%s", problem)
	}
	p, err := parseProperty(text)
	if err != nil {
		return drive{}, err
	}
	d := drive{file: p.bare, values: p.values}
	if !p.hasBare {
		d.file = p.values["file"]
		delete(d.values, "file")
	}
	return d, nil
}

func (d drive) String() string {
	return property{bare: d.file, hasBare: true, values: d.values}.String()
}

func (d drive) cdrom() bool { return d.values["media"] == "cdrom" }

func (d drive) cloudinit() bool {
	return d.file == "cloudinit" || strings.HasSuffix(d.file, ":cloudinit") || strings.Contains(d.file, "-cloudinit")
}

func (d drive) isNew() bool { return newDiskForm.MatchString(d.file) }

// makeDisks allocates and imports the drives of a change that are new, and
// returns the values they have then. What was made is freed on failure.
func (s *Server) makeDisks(ctx context.Context, t *running, vmid int, values map[string]string) (map[string]string, error) {
	out, made := map[string]string{}, []string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out[name] = values[name]
		if !driveKey.MatchString(name) {
			continue
		}
		d, err := parseDrive(values[name])
		if err == nil && d.isNew() && !d.cdrom() {
			t.say("%s: creating disk on %s", name, d.file)
			err = s.makeDisk(ctx, vmid, &d)
			if err == nil {
				made = append(made, d.file)
				t.say("%s: successfully created disk '%s'", name, d)
			}
		} else if err == nil {
			err = s.sizeOf(&d)
		}
		if err != nil {
			s.freeAll(t, made)
			return nil, err
		}
		out[name] = d.String()
	}
	return out, nil
}

func (s *Server) freeAll(t *running, ids []string) {
	for _, id := range ids {
		if err := s.free(id); err != nil {
			t.warn("%v", err)
		}
	}
}

// sizeOf enters the size of an existing volume into a drive's value.
func (s *Server) sizeOf(d *drive) error {
	if d.file == "none" {
		return nil
	}
	v, err := s.volume(d.file)
	if err != nil {
		return err
	}
	d.values["size"] = formatSize(v.Size)
	return nil
}

func (s *Server) makeDisk(ctx context.Context, vmid int, d *drive) error {
	parts := newDiskForm.FindStringSubmatch(d.file)
	st, err := s.storage(parts[1])
	if err != nil {
		return err
	}
	gigabytes, err := strconv.ParseFloat(parts[2], 64)
	if err != nil {
		return err
	}
	size, from, source := int64(gigabytes*float64(gib)), "", d.values["import-from"]
	if source != "" {
		v, err := s.volume(source)
		if err != nil {
			return fmt.Errorf("cannot import from '%s' - %w", source, err)
		}
		size, from = v.Size, s.file(v)
	} else if size == 0 {
		return die("%s: unable to allocate a disk of size 0 without import-from", d.file)
	}
	format := "raw"
	if st.fileBased() {
		format = orElse(d.values["format"], "raw")
	}
	err = s.lockStorage(ctx, st.ID, func() error {
		v, err := s.newDisk(st, vmid, size, format)
		if err != nil {
			return err
		}
		d.file = v.ID
		if err := s.fill(v, from); err != nil {
			return errors.Join(err, s.free(v.ID))
		}
		return nil
	})
	if err != nil && source != "" {
		return fmt.Errorf("cannot import from '%s' - %w", source, err)
	}
	delete(d.values, "import-from")
	delete(d.values, "format")
	d.values["size"] = formatSize(size)
	return err
}
