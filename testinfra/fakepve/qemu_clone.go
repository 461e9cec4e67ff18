package fakepve

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

func cloneRoutes() []route {
	const vm = "/nodes/{node}/qemu/{vmid}"
	return []route{
		{method: http.MethodPost, pattern: vm + "/clone", run: cloneVM, tasked: true,
			allow: both(allOf("/vms/{vmid}", "VM.Clone"), either(allOf("/vms/{newid}", "VM.Allocate"), allOf("/pool/{pool}", "VM.Allocate"))),
			schema: takes(map[string]check{"newid": vmidValue}).and(map[string]check{"name": matches(dnsForm, "invalid format - value does not look like a valid DNS name"),
				"description": text, "pool": text, "full": boolean, "storage": text, "format": oneOf("raw", "qcow2", "vmdk"), "target": text,
				"snapname": text, "bwlimit": atLeast(0)})},
		{method: http.MethodPost, pattern: vm + "/template", run: makeTemplate, tasked: true, allow: allOf("/vms/{vmid}", "VM.Allocate")},
		{method: http.MethodGet, pattern: vm + "/feature", run: feature, allow: allOf("/vms/{vmid}", "VM.Audit"),
			schema: takes(map[string]check{"feature": oneOf("snapshot", "clone", "copy")}).and(map[string]check{"snapname": text})},
	}
}

func feature(c *call) (any, error) {
	v, err := c.srv.load(c.vmid())
	if err != nil {
		return nil, err
	}
	has := c.args.get("feature") != "clone" || v.Config["template"] == "1"
	return map[string]any{"hasFeature": bit(has), "nodes": []string{c.srv.opts.Node}}, nil
}

func makeTemplate(c *call) (any, error) {
	id := c.vmid()
	v, err := c.srv.load(id)
	switch {
	case err != nil:
		return nil, err
	case len(v.Snapshots) > 0:
		return nil, die("unable to create template, because VM contains snapshots")
	case v.Config["template"] == "1":
		return nil, die("you can't convert a template to a template")
	case c.srv.opts.Hypervisor.Running(id):
		return nil, die("you can't convert a VM to template if VM is running")
	}
	return c.spawn("qmtemplate", c.vars["vmid"], func(ctx context.Context, _ *running) error {
		return c.srv.lockVM(ctx, id, func() error {
			return c.srv.changeVM(id, func(v *vm) error {
				v.Config["template"] = "1"
				return nil
			})
		})
	})
}

// copyPlan is what a clone is to become.
type copyPlan struct {
	from, to   int
	full       bool
	pool       string
	storage    string
	name, note string
	source     vm
}

func cloneVM(c *call) (any, error) {
	p, err := c.planClone()
	if err != nil {
		return nil, err
	}
	c.lingers = true
	return c.spawn("qmclone", c.vars["vmid"], func(ctx context.Context, t *running) error {
		return c.srv.lockVM(ctx, p.to, func() error {
			err := c.srv.claim(p.to, "clone", die("unable to create VM %d: config file already exists", p.to))
			if err != nil {
				return err
			}
			t.say("creating a clone of VM %d with ID %d", p.from, p.to)
			if err := c.srv.cloneNow(ctx, t, p); err != nil {
				return c.srv.forget(p.to, fmt.Errorf("clone failed: %w", err))
			}
			return nil
		})
	})
}

func (c *call) planClone() (copyPlan, error) {
	p := copyPlan{from: c.vmid(), to: c.args.number("newid", 0), pool: c.args.get("pool"), storage: c.args.get("storage"),
		name: c.args.get("name"), note: c.args.get("description")}
	var err error
	if p.pool != "" {
		if err := c.checkPool(p.pool); err != nil {
			return p, err
		}
	}
	if p.source, err = c.srv.load(p.from); err != nil {
		return p, err
	}
	if err := p.source.unlocked(); err != nil {
		return p, err
	}
	p.full = c.args.yes("full") || (!c.args.has("full") && p.source.Config["template"] != "1")
	if err := c.refuseClone(p); err != nil {
		return p, err
	}
	return p, c.mayCopy(p)
}

func (c *call) refuseClone(p copyPlan) error {
	template := p.source.Config["template"] == "1"
	switch {
	case c.args.has("snapname"), c.args.has("target") && c.args.get("target") != c.srv.opts.Node:
		return notTaught("snapname or target of a clone")
	case p.storage != "" && !p.full:
		return die("parameter 'storage' not allowed for linked clones")
	case c.args.has("format") && !p.full:
		return die("parameter 'format' not allowed for linked clones")
	case !p.full && !template:
		return die("Linked clone feature is not supported for '%s'", c.srv.bootDisk(&p.source).ID)
	case c.srv.exists(p.to):
		return die("unable to create VM %d: config file already exists", p.to)
	}
	return nil
}

// mayCopy checks the storages and bridges that the copy will use.
func (c *call) mayCopy(p copyPlan) error {
	for name, value := range p.source.Config {
		if n, err := parseNet(value); netKey.MatchString(name) && err == nil {
			if err := c.mayUseBridge(n); err != nil {
				return err
			}
		}
		d, err := parseDrive(value)
		if !driveKey.MatchString(name) || err != nil || d.cdrom() {
			continue
		}
		storage, _, _ := strings.Cut(d.file, ":")
		if err := c.check("/storage/"+orElse(p.storage, storage), "Datastore.AllocateSpace"); err != nil {
			return err
		}
	}
	return nil
}

// cloneNow shows nothing but the lock until the copy is complete.
func (s *Server) cloneNow(ctx context.Context, t *running, p copyPlan) error {
	if err := t.linger(ctx); err != nil {
		return err
	}
	config, err := s.copyConfig(ctx, t, p)
	if err != nil {
		return err
	}
	if p.full {
		err = s.opts.Disks.Clone(ctx, p.from, p.to)
	}
	if err != nil {
		return err
	}
	return s.changeVM(p.to, func(v *vm) error {
		v.Config, v.Pool = config, p.pool
		if !p.full {
			v.LinkedTo = p.from
		}
		return nil
	})
}

// copyConfig copies disks and makes new what must not be the same twice.
func (s *Server) copyConfig(ctx context.Context, t *running, p copyPlan) (map[string]string, error) {
	config, made := maps.Clone(p.source.Config), []string{}
	for _, gone := range []string{"template", "lock", "parent"} {
		delete(config, gone)
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		d, err := parseDrive(config[name])
		switch {
		case unusedKey.MatchString(name):
			delete(config, name)
		case netKey.MatchString(name):
			n, err := parseNet(config[name])
			if err != nil {
				return nil, err
			}
			n.mac = newMAC()
			config[name] = n.String()
		case driveKey.MatchString(name) && err == nil && !d.cdrom():
			if config[name], err = s.copyDisk(ctx, t, p, d); err != nil {
				s.freeAll(t, made)
				return nil, err
			}
			made = append(made, strings.Split(config[name], ",")[0])
		}
	}
	config["smbios1"], config["vmgenid"] = "uuid="+newUUID(), newUUID()
	config["name"] = orElse(p.name, "Copy-of-VM-"+orElse(p.source.Config["name"], fmt.Sprint(p.from)))
	if p.note != "" {
		config["description"] = p.note
	}
	config["meta"] = fmt.Sprintf("creation-qemu=10.1.2,ctime=%d", time.Now().Unix())
	return config, nil
}

func (s *Server) copyDisk(ctx context.Context, t *running, p copyPlan, d drive) (string, error) {
	from, err := s.volume(d.file)
	if err != nil {
		return "", err
	}
	st, err := s.storage(orElse(p.storage, from.Storage))
	if err != nil {
		return "", err
	}
	t.say("create %s clone of drive (%s)", map[bool]string{true: "full", false: "linked"}[p.full], from.ID)
	err = s.lockStorage(ctx, st.ID, func() error {
		size := from.Size
		if !p.full {
			size = 0
		}
		v, err := s.newDisk(st, p.to, size, from.Format)
		if err != nil {
			return err
		}
		if !p.full {
			v.Size, v.Parent = from.Size, from.ID
			err = s.reserve(st, v)
		}
		if err != nil {
			return err
		}
		d.file = v.ID
		return s.fill(v, s.file(from))
	})
	return d.String(), err
}
