package hardening

import (
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestWritableMountsAreClosed(t *testing.T) {
	t.Parallel()
	shm := func(options ...string) facts.Mount {
		return facts.Mount{Point: "/dev/shm", Type: "tmpfs", Options: options}
	}
	for name, tc := range map[string]struct {
		mount  facts.Mount
		tmp    []string
		unit   facts.Unit
		file   string
		files  int
		action string
	}{
		"as systemd mounts it":    {mount: shm("rw", "nosuid", "nodev"), files: 1, action: "start"},
		"as it was, at the start": {mount: shm("rw", "nosuid", "nodev"), file: mountsText, action: "start"},
		"mounted anew by hand":    {mount: shm("rw"), unit: facts.Unit{State: "enabled", Active: "active"}, file: mountsText, action: "reload"},
		"closed already":          {mount: shm("nodev", "noexec", "nosuid"), tmp: tmpOptions()},
		"/tmp on the root disk":   {mount: shm("nodev", "noexec", "nosuid"), files: 1, action: "start"},
		"/tmp with less":          {mount: shm("nodev", "noexec", "nosuid"), tmp: []string{"nosuid"}, files: 1, action: "start"},
		"no file system":          {mount: facts.Mount{Point: "/dev", Type: "devtmpfs"}, tmp: tmpOptions()},
		"only /tmp can be closed": {mount: facts.Mount{Point: "/dev", Type: "devtmpfs"}, files: 1, action: "start"},
	} {
		f := &facts.Facts{Mounts: []facts.Mount{{Point: "/", Type: "ext4"}, tc.mount}, Units: map[string]facts.Unit{mountsUnit: tc.unit}, Files: map[string]facts.File{}}
		if tc.tmp != nil {
			f.Mounts = append(f.Mounts, facts.Mount{Point: "/tmp", Type: "ext4", Options: tc.tmp})
		}
		if tc.file != "" {
			f.Files[mountsFile] = facts.File{Exists: true, Content: tc.file, Mode: 0o644}
		}
		m := mendMounts(f, Policy{})
		var want []facts.UnitChange
		if tc.action != "" {
			want = []facts.UnitChange{{Name: mountsUnit, Action: tc.action}}
		}
		if len(m.Files) != tc.files || !slices.Equal(m.Units, want) || len(m.Advice) != 1 {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
