package fakepve

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func configRoutes() []route {
	const vm = "/nodes/{node}/qemu/{vmid}"
	change := schema{extra: configKey, fields: map[string]check{"delete": text, "digest": text, "force": boolean,
		"skiplock": boolean, "background_delay": atLeast(1), "revert": text}}
	read := takes(nil).and(map[string]check{"current": boolean, "snapshot": text})
	return []route{
		{method: http.MethodGet, pattern: vm + "/config", run: showConfig, allow: allOf("/vms/{vmid}", "VM.Audit"), schema: read},
		{method: http.MethodGet, pattern: vm + "/pending", run: showPending, allow: allOf("/vms/{vmid}", "VM.Audit")},
		{method: http.MethodPut, pattern: vm + "/config", run: configNow, allow: mayConfigureAny, schema: change},
		{method: http.MethodPost, pattern: vm + "/config", run: configLater, allow: mayConfigureAny, schema: change, tasked: true},
		{method: http.MethodPut, pattern: vm + "/resize", run: resize, tasked: true, allow: allOf("/vms/{vmid}", disk),
			schema: takes(map[string]check{"disk": pattern(driveKey), "size": pattern(sizeForm)}).
				and(map[string]check{"digest": text, "skiplock": boolean})},
	}
}

func mayConfigureAny(c *call) error {
	return anyOf("/vms/{vmid}", disk, "VM.Config.CDROM", cpu, memory, network, hwType, options, cloudinit)(c)
}

func (c *call) vmid() int {
	id, err := strconv.Atoi(c.vars["vmid"])
	if err != nil {
		return 0
	}
	return id
}

// digest is the SHA-1 of a configuration; pending changes are part of it.
func (v *vm) digest() string {
	var b strings.Builder
	for _, part := range []map[string]string{v.Config, v.Pending} {
		for _, name := range slices.Sorted(maps.Keys(part)) {
			fmt.Fprintf(&b, "%s: %s\n", name, part[name])
		}
	}
	return fmt.Sprintf("%x", sha1.Sum([]byte(b.String())))
}

// typed gives those values as numbers that Proxmox VE does.
func typed(config map[string]string) map[string]any {
	out := map[string]any{}
	for name, value := range config {
		out[name] = value
		switch name {
		case "cores", "sockets", "onboot", "numa", "template", "protection", "balloon", "vcpus", "cpuunits", "tablet", "kvm", "acpi":
			if n, err := strconv.Atoi(value); err == nil {
				out[name] = n
			}
		case "cipassword":
			out[name] = "**********"
		}
	}
	return out
}

func showConfig(c *call) (any, error) {
	v, err := c.srv.load(c.vmid())
	if err != nil {
		return nil, err
	}
	config := v.merged()
	if c.args.yes("current") {
		config = v.Config
	}
	if name := c.args.get("snapshot"); name != "" {
		snap, ok := v.Snapshots[name]
		if !ok {
			return nil, die("snapshot '%s' does not exist", name)
		}
		config = snap.Config
	}
	doc := typed(config)
	doc["digest"] = v.digest()
	return doc, nil
}

func showPending(c *call) (any, error) {
	v, err := c.srv.load(c.vmid())
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	names := slices.AppendSeq(slices.Collect(maps.Keys(v.Config)), maps.Keys(v.Pending))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		doc := map[string]any{"key": name}
		if value, ok := v.Config[name]; ok {
			doc["value"] = value
		}
		if value, ok := v.Pending[name]; ok && value == "" {
			doc["delete"] = 1
		} else if ok {
			doc["pending"] = value
		}
		out = append(out, doc)
	}
	return out, nil
}

// edit is a change of a configuration that has passed the early checks.
type edit struct {
	set    map[string]string
	remove []string
	digest string
}

// prepare is the part of update_vm_api before it forks.
func (c *call) prepare() (edit, error) {
	if err := c.rootOnly("skiplock"); err != nil {
		return edit{}, err
	}
	if c.args.has("revert") {
		return edit{}, notTaught("revert of pending changes")
	}
	e := edit{set: c.without("delete", "digest", "force", "skiplock", "background_delay"), digest: c.args.get("digest"),
		remove: strings.FieldsFunc(c.args.get("delete"), func(r rune) bool { return strings.ContainsRune(",; \x00", r) })}
	if len(e.set)+len(e.remove) == 0 {
		return e, die("no options specified")
	}
	for _, name := range e.remove {
		if _, ok := findKey(name); !ok {
			return e, invalid("delete", fmt.Sprintf("unknown option '%s'", name))
		}
		if _, ok := e.set[name]; ok {
			return e, invalid("delete", fmt.Sprintf("you can't use '-%s' and -delete %s' at the same time", name, name))
		}
	}
	if err := c.mayConfigure(c.vars["vmid"], "", e.remove); err != nil {
		return e, err
	}
	if err := c.mayAll(c.vars["vmid"], "", e.set); err != nil {
		return e, err
	}
	return e, c.srv.editable(c.vmid(), e)
}

// editable is checked before and again under the lock.
func (s *Server) editable(vmid int, e edit) error {
	v, err := s.load(vmid)
	if err != nil {
		return err
	}
	if e.digest != "" && e.digest != v.digest() {
		return die("checksum mismatch (file change by other user?)")
	}
	if err := v.unlocked(); err != nil {
		return err
	}
	for _, name := range e.remove {
		if driveKey.MatchString(name) && v.Config["protection"] == "1" {
			return die("can't remove drive '%s' - protection mode enabled", name)
		}
	}
	return v.bootable(e)
}

// bootable refuses a boot order that names a device the machine has not.
func (v *vm) bootable(e edit) error {
	p, err := parseProperty(e.set["boot"])
	if err != nil || p.values["order"] == "" {
		return nil
	}
	for _, dev := range strings.Split(p.values["order"], ";") {
		if v.merged()[dev] == "" && e.set[dev] == "" || slices.Contains(e.remove, dev) {
			return die("invalid bootorder: device '%s' does not exist'", dev)
		}
	}
	return nil
}

func (v *vm) unlocked() error {
	if lock := v.Config["lock"]; lock != "" {
		return die("VM is locked (%s)", lock)
	}
	return nil
}

func configNow(c *call) (any, error) {
	e, err := c.prepare()
	if err != nil {
		return nil, err
	}
	t := &running{srv: c.srv, task: &task{}}
	return nil, c.srv.lockVM(c.ctx, c.vmid(), func() error { return c.apply(c.ctx, t, e) })
}

func configLater(c *call) (any, error) {
	e, err := c.prepare()
	if err != nil {
		return nil, err
	}
	id := c.vmid()
	return c.spawn("qmconfig", c.vars["vmid"], func(ctx context.Context, t *running) error {
		t.say("update VM %d: %s", id, strings.Join(slices.Sorted(maps.Keys(e.set)), " "))
		return c.srv.lockVM(ctx, id, func() error { return c.apply(ctx, t, e) })
	})
}

// apply makes new disks and writes the change: at once, or as pending for what
// a running machine cannot take.
func (c *call) apply(ctx context.Context, t *running, e edit) error {
	s, vmid := c.srv, c.vmid()
	if err := errors.Join(s.editable(vmid, e), c.mayEdit(e)); err != nil {
		return err
	}
	values, err := s.makeDisks(ctx, t, vmid, e.set)
	if err != nil {
		return err
	}
	alive := s.opts.Hypervisor.Running(vmid)
	return s.changeVM(vmid, func(v *vm) error {
		for _, name := range e.remove {
			v.put(name, "", alive)
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			value := values[name]
			if netKey.MatchString(name) {
				value = withMAC(value)
			}
			v.put(name, value, alive)
		}
		v.reorder(e, alive)
		return nil
	})
}

// put sets a key, or removes it if the value is empty.
func (v *vm) put(name, value string, alive bool) {
	old := v.Config[name]
	if d, err := parseDrive(old); old != "" && err == nil && driveKey.MatchString(name) && !d.cdrom() && !strings.HasPrefix(value, d.file) {
		v.keepUnused(d.file)
	}
	k, _ := findKey(name)
	switch {
	case alive && !k.live && old != value:
		if v.Pending == nil {
			v.Pending = map[string]string{}
		}
		v.Pending[name] = value
		return
	case value == "":
		delete(v.Config, name)
	default:
		v.Config[name] = value
	}
	delete(v.Pending, name)
}

// reorder takes removed devices out of the boot order and appends new CD-ROMs
// to it, which is how Proxmox VE marks them bootable.
func (v *vm) reorder(e edit, alive bool) {
	p, err := parseProperty(v.merged()["boot"])
	if err != nil || p.values["order"] == "" || e.set["boot"] != "" {
		return
	}
	old := strings.Split(p.values["order"], ";")
	order := slices.DeleteFunc(slices.Clone(old), func(dev string) bool { return slices.Contains(e.remove, dev) })
	for _, name := range slices.Sorted(maps.Keys(e.set)) {
		d, err := parseDrive(e.set[name])
		if driveKey.MatchString(name) && err == nil && d.cdrom() && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	if !slices.Equal(old, order) {
		v.put("boot", "order="+strings.Join(order, ";"), alive)
	}
}

func (v *vm) keepUnused(volid string) {
	n := 0
	for v.Config[fmt.Sprintf("unused%d", n)] != "" {
		n++
	}
	v.Config[fmt.Sprintf("unused%d", n)] = volid
}
