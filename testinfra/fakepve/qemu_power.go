package fakepve

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

func powerRoutes() []route {
	const vm = "/nodes/{node}/qemu/{vmid}"
	power := allOf("/vms/{vmid}", "VM.PowerMgmt")
	some := takes(nil).and(map[string]check{"skiplock": boolean, "timeout": atLeast(0), "forceStop": boolean, "keepActive": boolean,
		"overrule-shutdown": boolean})
	return []route{
		{method: http.MethodGet, pattern: vm + "/status/current", run: currentStatus, allow: allOf("/vms/{vmid}", "VM.Audit")},
		{method: http.MethodPost, pattern: vm + "/status/start", run: startVM, allow: power, schema: some, tasked: true},
		{method: http.MethodPost, pattern: vm + "/status/stop", run: stopVM, allow: power, schema: some, tasked: true},
		{method: http.MethodPost, pattern: vm + "/status/shutdown", run: shutdownVM, allow: power, schema: some, tasked: true},
		{method: http.MethodPost, pattern: vm + "/status/reboot", run: rebootVM, allow: power, schema: some, tasked: true},
		{method: http.MethodPost, pattern: vm + "/status/reset", run: resetVM, allow: power, schema: some, tasked: true},
		{method: http.MethodDelete, pattern: vm, run: destroyVM, allow: allOf("/vms/{vmid}", "VM.Allocate"), tasked: true,
			schema: takes(nil).and(map[string]check{"purge": boolean, "destroy-unreferenced-disks": boolean, "skiplock": boolean})},
	}
}

func currentStatus(c *call) (any, error) {
	v, err := c.srv.load(c.vmid())
	if err != nil {
		return nil, err
	}
	doc := c.srv.summary(c.vmid(), &v)
	doc["qmpstatus"], doc["ha"] = doc["status"], map[string]int{"managed": 0}
	if p, err := parseProperty(v.Config["agent"]); err == nil && (p.bare == "1" || p.values["enabled"] == "1") {
		doc["agent"] = 1
	}
	return doc, nil
}

// power starts a task of a kind that must find the machine there and unlocked.
func (c *call) power(kind string, do work) (any, error) {
	if err := c.rootOnly("skiplock", "keepActive"); err != nil {
		return nil, err
	}
	if _, err := c.srv.load(c.vmid()); err != nil {
		return nil, err
	}
	return c.spawn(kind, c.vars["vmid"], do)
}

func startVM(c *call) (any, error) {
	id := c.vmid()
	return c.power("qmstart", func(ctx context.Context, t *running) error { return c.srv.start(ctx, t, id) })
}

// start applies what waits for a start and boots what the configuration says.
func (s *Server) start(ctx context.Context, t *running, vmid int) error {
	return s.lockVM(ctx, vmid, func() error {
		v, err := s.load(vmid)
		if err != nil {
			return err
		}
		switch {
		case v.Config["template"] == "1":
			return die("you can't start a vm if it's a template")
		case v.Config["lock"] != "":
			return v.unlocked()
		case s.opts.Hypervisor.Running(vmid):
			return die("VM %d already running", vmid)
		}
		err = s.changeVM(vmid, func(v *vm) error {
			v.Config, v.Pending, v.Started = v.merged(), nil, time.Now().Unix()
			return nil
		})
		if err != nil {
			return err
		}
		m, err := s.machine(vmid)
		if err != nil {
			return err
		}
		t.say("booting from disk %s and %d CD-ROMs", m.DiskVolume, len(m.ISOs))
		if err := s.opts.Hypervisor.Start(ctx, m); err != nil {
			return fmt.Errorf("start failed: %w", err)
		}
		return nil
	})
}

// machine is what the configuration says is to be booted.
func (s *Server) machine(vmid int) (Machine, error) {
	v, err := s.load(vmid)
	if err != nil {
		return Machine{}, err
	}
	boot := s.bootDisk(&v)
	m := Machine{VMID: vmid, Name: v.Config["name"], MemoryMB: int(v.memory() >> 20), DiskVolume: boot.ID, DiskSize: boot.Size, Parent: v.LinkedTo}
	if boot.ID != "" {
		m.Disk = s.file(boot)
	}
	if m.Cores, err = strconv.Atoi(orElse(v.Config["cores"], "1")); err != nil {
		return m, fmt.Errorf("read cores: %w", err)
	}
	if p, err := parseProperty(v.Config["smbios1"]); err == nil {
		m.UUID = p.values["uuid"]
	}
	if n, err := parseNet(v.Config["net0"]); err == nil {
		m.MAC, m.Bridge = n.mac, n.rest.values["bridge"]
	}
	if m.Bridge != "" && !slices.Contains(s.opts.Bridges, m.Bridge) {
		return m, die("bridge '%s' does not exist", m.Bridge)
	}
	m.ISOs, err = s.isos(v.Config)
	return m, err
}

// isos are the files in the CD-ROM drives. One that is gone stops the start.
func (s *Server) isos(config map[string]string) ([]string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(config)) {
		d, err := parseDrive(config[name])
		if !driveKey.MatchString(name) || err != nil || !d.cdrom() || d.file == "none" {
			continue
		}
		v, err := s.volume(d.file)
		if err != nil {
			return nil, err
		}
		out = append(out, s.file(v))
	}
	return out, nil
}

func stopVM(c *call) (any, error) {
	id := c.vmid()
	return c.power("qmstop", func(ctx context.Context, _ *running) error { return c.srv.stop(ctx, id, true) })
}

func (s *Server) stop(ctx context.Context, vmid int, force bool) error {
	return s.lockVM(ctx, vmid, func() error {
		v, err := s.load(vmid)
		if err == nil {
			err = v.unlocked()
		}
		if err != nil || !s.opts.Hypervisor.Running(vmid) {
			return err
		}
		return s.opts.Hypervisor.Stop(ctx, vmid, force)
	})
}

func shutdownVM(c *call) (any, error) {
	do := c.shutdown()
	return c.power("qmshutdown", do)
}

// shutdown asks the guest, and after the timeout fails or forces it.
func (c *call) shutdown() work {
	id, force := c.vmid(), c.args.yes("forceStop")
	timeout := time.Duration(c.args.number("timeout", 180)) * time.Second
	return func(ctx context.Context, t *running) error {
		polite, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		err := c.srv.stop(polite, id, false)
		if polite.Err() == nil || ctx.Err() != nil {
			return err
		}
		if !force {
			return die("VM quit/powerdown failed - got timeout")
		}
		t.say("VM quit/powerdown failed - terminating now with SIGTERM")
		return c.srv.stop(ctx, id, true)
	}
}

func rebootVM(c *call) (any, error) {
	id, down := c.vmid(), c.shutdown()
	if !c.srv.opts.Hypervisor.Running(id) {
		return nil, die("VM %d not running", id)
	}
	return c.power("qmreboot", func(ctx context.Context, t *running) error {
		if err := down(ctx, t); err != nil {
			return err
		}
		return c.srv.start(ctx, t, id)
	})
}

func resetVM(c *call) (any, error) {
	id := c.vmid()
	return c.power("qmreset", func(ctx context.Context, t *running) error {
		if !c.srv.opts.Hypervisor.Running(id) {
			return die("VM %d not running", id)
		}
		if err := c.srv.stop(ctx, id, true); err != nil {
			return err
		}
		return c.srv.start(ctx, t, id)
	})
}
