package fakepve

import (
	"context"
	"errors"
	"fmt"
)

// destroyVM removes a stopped machine, its disks and, last, its configuration.
func destroyVM(c *call) (any, error) {
	if err := c.rootOnly("skiplock"); err != nil {
		return nil, err
	}
	id := c.vmid()
	if err := c.srv.destroyable(id); err != nil {
		return nil, err
	}
	purge, unreferenced := c.args.yes("purge"), c.args.yes("destroy-unreferenced-disks")
	return c.spawn("qmdestroy", c.vars["vmid"], func(ctx context.Context, t *running) error {
		return c.srv.lockVM(ctx, id, func() error {
			if err := c.srv.destroyable(id); err != nil {
				return err
			}
			if err := c.srv.destroy(ctx, t, id, unreferenced); err != nil {
				return err
			}
			if purge {
				t.say("purging VM %d from related configurations..", id)
			}
			return nil
		})
	})
}

func (s *Server) destroyable(vmid int) error {
	v, err := s.load(vmid)
	switch {
	case err != nil:
		return err
	case v.Config["protection"] == "1":
		return die("can't remove VM %d - protection mode enabled", vmid)
	case s.opts.Hypervisor.Running(vmid):
		return die("VM %d is running - destroy failed", vmid)
	case v.Config["template"] == "1" && s.hasClones(vmid):
		return die("base volume of VM %d is still in use by linked clones", vmid)
	}
	return nil
}

func (s *Server) hasClones(vmid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.state.VMs {
		if v.LinkedTo == vmid {
			return true
		}
	}
	return false
}

func (s *Server) destroy(ctx context.Context, t *running, vmid int, unreferenced bool) error {
	v, err := s.load(vmid)
	if err != nil {
		return err
	}
	if err := v.unlocked(); err != nil {
		return err
	}
	if err := s.opts.Disks.Remove(ctx, vmid); err != nil {
		return fmt.Errorf("remove disks: %w", err)
	}
	for _, vol := range s.volumes() {
		if vol.VMID != vmid || !(unreferenced || v.names(vol.ID)) {
			continue
		}
		if err := s.free(vol.ID); err != nil {
			t.warn("Could not remove disk '%s', check manually: %v", vol.ID, err)
			continue
		}
		t.say("Logical volume \"%s\" successfully removed.", vol.ID)
	}
	return errors.Join(s.forget(vmid, nil))
}

// names reports whether a configuration, or a snapshot's, uses a volume.
func (v *vm) names(volid string) bool {
	all := []map[string]string{v.merged(), v.Config}
	for _, s := range v.Snapshots {
		all = append(all, s.Config)
	}
	for _, config := range all {
		for name, value := range config {
			if d, err := parseDrive(value); (driveKey.MatchString(name) || unusedKey.MatchString(name)) && err == nil && d.file == volid {
				return true
			}
		}
	}
	return false
}
