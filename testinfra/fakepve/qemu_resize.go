package fakepve

import (
	"context"
	"fmt"
	"strings"
)

// resize grows a disk; the same size again is no error and no change.
func resize(c *call) (any, error) {
	if err := c.rootOnly("skiplock"); err != nil {
		return nil, err
	}
	id, args := c.vmid(), c.args
	return c.spawn("resize", c.vars["vmid"], func(ctx context.Context, _ *running) error {
		return c.srv.lockVM(ctx, id, func() error {
			return c.resizeLocked(ctx, id, edit{digest: args.get("digest")}, [2]string{args.get("disk"), args.get("size")})
		})
	})
}

func (c *call) resizeLocked(ctx context.Context, vmid int, e edit, what [2]string) error {
	name, size := what[0], what[1]
	if err := c.srv.editable(vmid, e); err != nil {
		return err
	}
	v, err := c.srv.load(vmid)
	if err != nil {
		return err
	}
	d, err := parseDrive(v.Config[name])
	switch {
	case v.Config[name] == "":
		return die("disk '%s' does not exist", name)
	case err != nil:
		return err
	case d.cdrom():
		return die("you can't resize a cdrom")
	}
	vol, err := c.srv.volume(d.file)
	if err != nil {
		return err
	}
	if err := c.check("/storage/"+vol.Storage, "Datastore.AllocateSpace"); err != nil {
		return err
	}
	want, err := newSize(vol.Size, size)
	if err != nil || want == vol.Size {
		return err
	}
	st, err := c.srv.storage(vol.Storage)
	if err != nil {
		return err
	}
	vol.Used += want - vol.Size
	vol.Size = want
	if err := c.srv.lockStorage(ctx, st.ID, func() error { return c.srv.reserve(st, vol) }); err != nil {
		return err
	}
	d.values["size"] = formatSize(want)
	return c.srv.changeVM(vmid, func(v *vm) error {
		v.Config[name] = d.String()
		return nil
	})
}

func newSize(old int64, text string) (int64, error) {
	more, relative := strings.CutPrefix(text, "+")
	size, err := parseSize(more)
	if err != nil {
		return 0, fmt.Errorf("resize: %w", err)
	}
	if relative {
		size += old
	}
	if size < old {
		return 0, die("shrinking disks is not supported")
	}
	return size, nil
}
