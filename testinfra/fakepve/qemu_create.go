package fakepve

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func createRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/nodes/{node}/qemu", run: listVMs, schema: takes(nil).and(map[string]check{"full": boolean})},
		{method: http.MethodPost, pattern: "/nodes/{node}/qemu", run: createVM, tasked: true, schema: schema{
			fields:   map[string]check{"vmid": vmidValue, "pool": text, "storage": text, "start": boolean, "bwlimit": atLeast(0)},
			required: []string{"vmid"}, extra: configKey}},
	}
}

// without returns the configuration keys among the parameters.
func (c *call) without(names ...string) map[string]string {
	out := map[string]string{}
	for name := range c.args {
		if !slices.Contains(names, name) {
			out[name] = c.args.get(name)
		}
	}
	return out
}

// createVM makes the checks of PVE::API2::Qemu create_vm in its order, locks
// an empty configuration, and leaves the rest to a task.
func createVM(c *call) (any, error) {
	id, pool := c.args.get("vmid"), c.args.get("pool")
	config := c.without("vmid", "pool", "storage", "start", "bwlimit")
	if err := c.mayCreate(id, pool); err != nil {
		return nil, err
	}
	if err := c.mayAll(id, pool, config); err != nil {
		return nil, err
	}
	for name, value := range config {
		if driveKey.MatchString(name) {
			continue
		}
		if err := c.mayTouch(id, pool, name, value); err != nil {
			return nil, err
		}
	}
	vmid := c.args.number("vmid", 0)
	taken := die("unable to create VM %d - VM %d already exists on node '%s'", vmid, vmid, c.srv.opts.Node)
	if err := c.srv.claim(vmid, "create", taken); err != nil {
		return nil, err
	}
	start := c.args.yes("start")
	c.undo = func() error { return c.srv.forget(vmid, nil) }
	return c.spawn("qmcreate", id, func(ctx context.Context, t *running) error {
		err := c.srv.lockVM(ctx, vmid, func() error { return c.srv.create(ctx, t, vmid, pool, config) })
		if err != nil {
			return c.srv.forget(vmid, fmt.Errorf("unable to create VM %d - %w", vmid, err))
		}
		if start {
			t.say("Execute autostart")
			return c.srv.start(ctx, t, vmid)
		}
		return nil
	})
}

// mayCreate checks what does not depend on the configuration.
func (c *call) mayCreate(id, pool string) error {
	if c.args.has("storage") {
		return notTaught("a default storage for new disks")
	}
	if c.args.has("pool") {
		if err := c.checkPool(pool); err != nil {
			return err
		}
	}
	if c.args.yes("start") {
		if err := c.checkVM(id, pool, "VM.PowerMgmt"); err != nil {
			return err
		}
	}
	if c.checkVM(id, pool, "VM.Allocate") != nil {
		return denied("")
	}
	return nil
}

func (c *call) mayAll(vmid, pool string, config map[string]string) error {
	names := slices.Sorted(maps.Keys(config))
	if err := c.mayConfigure(vmid, pool, names); err != nil {
		return err
	}
	for _, name := range names {
		if err := c.mayUseValue(vmid, name, config[name]); err != nil {
			return err
		}
	}
	return nil
}

// claim makes a configuration that holds nothing but a lock, if the ID is free.
func (s *Server) claim(vmid int, lock string, taken error) error {
	return s.change(func(st *state) error {
		if st.VMs[vmid] != nil {
			return taken
		}
		st.VMs[vmid] = &vm{Config: map[string]string{"lock": lock}}
		return nil
	})
}

// create does the work under the machine's lock.
func (s *Server) create(ctx context.Context, t *running, vmid int, pool string, config map[string]string) error {
	full, err := s.makeDisks(ctx, t, vmid, config)
	if err != nil {
		return err
	}
	for name, value := range full {
		if netKey.MatchString(name) {
			full[name] = withMAC(value)
		}
	}
	setDefault(full, "boot", "order="+strings.Join(bootOrder(full), ";"))
	setDefault(full, "smbios1", "uuid="+newUUID())
	setDefault(full, "vmgenid", newUUID())
	full["meta"] = fmt.Sprintf("creation-qemu=10.1.2,ctime=%d", time.Now().Unix())
	return s.changeVM(vmid, func(v *vm) error {
		v.Config, v.Pool = full, pool
		return nil
	})
}

// forget removes a configuration. A task that dies with the host leaves it.
func (s *Server) forget(vmid int, cause error) error {
	if s.base.Err() != nil {
		return cause
	}
	err := s.change(func(st *state) error {
		delete(st.VMs, vmid)
		return nil
	})
	if err != nil {
		return err
	}
	return cause
}

func setDefault(m map[string]string, name, value string) {
	if m[name] == "" {
		m[name] = value
	}
}

// bootOrder is the first disk, the CD-ROM and the first network card.
func bootOrder(config map[string]string) []string {
	var disks, cds, nets []string
	for _, name := range slices.Sorted(maps.Keys(config)) {
		d, err := parseDrive(config[name])
		switch {
		case netKey.MatchString(name):
			nets = append(nets, name)
		case !driveKey.MatchString(name) || err != nil:
		case d.cdrom():
			cds = append(cds, name)
		default:
			disks = append(disks, name)
		}
	}
	var out []string
	for _, kind := range [][]string{disks, cds, nets} {
		if len(kind) > 0 {
			out = append(out, kind[0])
		}
	}
	return out
}

func withMAC(value string) string {
	n, err := parseNet(value)
	if err != nil {
		return value
	}
	if n.mac == "" {
		n.mac = newMAC()
	}
	return n.String()
}

// newMAC uses the prefix that Proxmox VE has used since 8.1.
func newMAC() string {
	b := make([]byte, 3)
	_, _ = rand.Read(b)
	return fmt.Sprintf("BC:24:11:%02X:%02X:%02X", b[0], b[1], b[2])
}

func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (v *vm) memory() int64 {
	mb, err := strconv.ParseInt(v.Config["memory"], 10, 64)
	if err != nil {
		mb = 512
	}
	return mb << 20
}
