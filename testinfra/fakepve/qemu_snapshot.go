package fakepve

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"
)

func snapshotRoutes() []route {
	const all = "/nodes/{node}/qemu/{vmid}/snapshot"
	snap := allOf("/vms/{vmid}", "VM.Snapshot")
	return []route{
		{method: http.MethodGet, pattern: all, run: listSnapshots, allow: allOf("/vms/{vmid}", "VM.Audit")},
		{method: http.MethodPost, pattern: all, run: takeSnapshot, allow: snap, tasked: true,
			schema: takes(map[string]check{"snapname": matches(configID, "invalid format - invalid configuration ID")}).
				and(map[string]check{"description": text, "vmstate": boolean})},
		{method: http.MethodPost, pattern: all + "/{snapname}/rollback", run: rollback, tasked: true,
			allow: anyOf("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback"), schema: takes(nil).and(map[string]check{"start": boolean})},
		{method: http.MethodDelete, pattern: all + "/{snapname}", run: dropSnapshot, allow: snap, tasked: true,
			schema: takes(nil).and(map[string]check{"force": boolean})},
	}
}

func listSnapshots(c *call) (any, error) {
	v, err := c.srv.load(c.vmid())
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(v.Snapshots)) {
		s := v.Snapshots[name]
		doc := map[string]any{"name": name, "snaptime": s.Time, "vmstate": 0, "description": s.Note}
		if s.Parent != "" {
			doc["parent"] = s.Parent
		}
		out = append(out, doc)
	}
	current := map[string]any{"name": "current", "digest": v.digest(), "running": bit(c.srv.opts.Hypervisor.Running(c.vmid())),
		"description": "You are here!"}
	if v.Config["parent"] != "" {
		current["parent"] = v.Config["parent"]
	}
	return append(out, current), nil
}

func takeSnapshot(c *call) (any, error) {
	id, name, note := c.vmid(), c.args.get("snapname"), c.args.get("description")
	switch {
	case name == "current" || name == "pending":
		return nil, die("unable to use snapshot name '%s' (reserved name)", name)
	case c.args.yes("vmstate"):
		return nil, notTaught("snapshots with RAM (vmstate)")
	case len(name) > 40:
		return nil, invalid("snapname", "value may only be 40 characters long")
	}
	if _, err := c.srv.load(id); err != nil {
		return nil, err
	}
	return c.spawn("qmsnapshot", c.vars["vmid"], func(ctx context.Context, t *running) error {
		return c.srv.lockVM(ctx, id, func() error {
			v, err := c.srv.load(id)
			if err == nil {
				err = v.unlocked()
			}
			if err != nil {
				return err
			}
			switch {
			case v.Snapshots[name] != nil:
				return die("snapshot name '%s' already used", name)
			case !c.srv.canSnapshot(&v):
				return die("snapshot feature is not available")
			}
			t.say("snapshotting '%s'", c.srv.bootDisk(&v).ID)
			if err := c.srv.opts.Disks.Snapshot(ctx, id, name); err != nil {
				return err
			}
			return c.srv.changeVM(id, func(v *vm) error { return v.addSnapshot(name, note) })
		})
	})
}

// canSnapshot is PVE::QemuConfig::has_feature: every disk has to be on a storage
// that keeps snapshots. Thick LVM does not, nor does a raw file.
func (s *Server) canSnapshot(v *vm) bool {
	for name, value := range v.Config {
		d, err := parseDrive(value)
		if !driveKey.MatchString(name) || err != nil || d.cdrom() || d.file == "none" {
			continue
		}
		vol, err := s.volume(d.file)
		if err != nil {
			return false
		}
		st, err := s.storage(vol.Storage)
		if err != nil || st.Type == "lvm" || st.fileBased() && vol.Format != "qcow2" {
			return false
		}
	}
	return true
}

func (v *vm) addSnapshot(name, note string) error {
	if v.Snapshots == nil {
		v.Snapshots = map[string]*snapshot{}
	}
	config := maps.Clone(v.Config)
	delete(config, "parent")
	v.Snapshots[name] = &snapshot{Config: config, Parent: v.Config["parent"], Note: note, Time: time.Now().Unix()}
	v.Config["parent"] = name
	return nil
}

// withSnapshot runs a task on a snapshot that must be there, and then may
// start the machine.
func (c *call) withSnapshot(kind string, do func(ctx context.Context, name string) error, start bool) (any, error) {
	id, name := c.vmid(), c.vars["snapname"]
	return c.spawn(kind, c.vars["vmid"], func(ctx context.Context, t *running) error {
		err := c.srv.lockVM(ctx, id, func() error {
			v, err := c.srv.load(id)
			switch {
			case err != nil:
				return err
			case v.Snapshots[name] == nil:
				return die("snapshot '%s' does not exist", name)
			case v.Config["lock"] != "":
				return v.unlocked()
			}
			return do(ctx, name)
		})
		if err != nil || !start {
			return err
		}
		return c.srv.start(ctx, t, id)
	})
}

// rollback stops the machine, as one without saved RAM must be.
func rollback(c *call) (any, error) {
	id, start := c.vmid(), c.args.yes("start")
	if start {
		if err := c.check("/vms/"+c.vars["vmid"], "VM.PowerMgmt"); err != nil {
			return nil, err
		}
	}
	return c.withSnapshot("qmrollback", func(ctx context.Context, name string) error {
		if c.srv.opts.Hypervisor.Running(id) {
			if err := c.srv.opts.Hypervisor.Stop(ctx, id, true); err != nil {
				return err
			}
		}
		if err := c.srv.opts.Disks.Rollback(ctx, id, name); err != nil {
			return err
		}
		return c.srv.changeVM(id, func(v *vm) error {
			v.Config, v.Pending = maps.Clone(v.Snapshots[name].Config), nil
			v.Config["parent"] = name
			return nil
		})
	}, start)
}

func dropSnapshot(c *call) (any, error) {
	id := c.vmid()
	return c.withSnapshot("qmdelsnapshot", func(ctx context.Context, name string) error {
		if err := c.srv.opts.Disks.DropSnapshot(ctx, id, name); err != nil {
			return err
		}
		return c.srv.changeVM(id, func(v *vm) error { return v.dropSnapshot(name) })
	}, false)
}

func (v *vm) dropSnapshot(name string) error {
	gone := v.Snapshots[name]
	delete(v.Snapshots, name)
	for other, s := range v.Snapshots {
		if s.Parent == name {
			moved := *s
			moved.Parent = gone.Parent
			v.Snapshots[other] = &moved
		}
	}
	if v.Config["parent"] == name {
		delete(v.Config, "parent")
		if gone.Parent != "" {
			v.Config["parent"] = gone.Parent
		}
	}
	return nil
}
