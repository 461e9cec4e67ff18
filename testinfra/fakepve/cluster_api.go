package fakepve

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

func clusterRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/cluster/nextid", run: nextID, schema: takes(nil).and(map[string]check{"vmid": vmidValue})},
		{method: http.MethodGet, pattern: "/cluster/resources", run: resources,
			schema: takes(nil).and(map[string]check{"type": oneOf("vm", "storage", "node", "sdn")})},
		{method: http.MethodGet, pattern: "/cluster/status", run: clusterStatus, allow: allOf("/", "Sys.Audit")},
	}
}

func nodeRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/nodes", run: nodes},
		{method: http.MethodGet, pattern: "/nodes/{node}/status", run: nodeStatus, allow: allOf("/nodes/{node}", "Sys.Audit")},
		{method: http.MethodGet, pattern: "/nodes/{node}/version", run: version},
		{method: http.MethodGet, pattern: "/nodes/{node}/network", run: networks, schema: takes(nil).and(map[string]check{
			"type": oneOf("bridge", "any_bridge", "any_local_bridge", "include_sdn")})},
	}
}

// vmids lists the machines in order.
func (s *Server) vmids() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.state.VMs))
}

func (s *Server) exists(vmid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.VMs[vmid] != nil
}

// nextID reserves nothing.
func nextID(c *call) (any, error) {
	if want := c.args.number("vmid", 0); want != 0 {
		if c.srv.exists(want) {
			return nil, invalid("vmid", fmt.Sprintf("VM %d already exists", want))
		}
		return strconv.Itoa(want), nil
	}
	id := 100
	for c.srv.exists(id) {
		id++
	}
	if c.fault.is(NextIDRace) {
		if err := c.srv.AddForeignVM(id); err != nil {
			return nil, err
		}
	}
	return strconv.Itoa(id), nil
}

// AddForeignVM puts a machine of somebody else on an ID, as another user of
// the host could at any moment. A machine that is there already stays.
func (s *Server) AddForeignVM(vmid int) error {
	return s.change(func(st *state) error {
		if st.VMs[vmid] == nil {
			st.VMs[vmid] = &vm{Config: map[string]string{"name": fmt.Sprintf("somebody-elses-%d", vmid), "memory": "512",
				"cores": "1", "smbios1": "uuid=" + newUUID(), "description": "not ours"}}
		}
		return nil
	})
}

// resource is a machine as /cluster/resources shows it.
func (s *Server) resource(vmid int, v *vm) map[string]any {
	doc := s.summary(vmid, v)
	doc["id"], doc["type"], doc["node"] = fmt.Sprintf("qemu/%d", vmid), "qemu", s.opts.Node
	if v.Pool != "" {
		doc["pool"] = v.Pool
	}
	return doc
}

func resources(c *call) (any, error) {
	kind, out := c.args.get("type"), []map[string]any{}
	for _, id := range c.srv.vmids() {
		v, err := c.srv.load(id)
		if (kind == "" || kind == "vm") && err == nil && c.may(fmt.Sprintf("/vms/%d", id), "VM.Audit") {
			out = append(out, c.srv.resource(id, &v))
		}
	}
	if kind == "" || kind == "node" {
		out = append(out, map[string]any{"id": "node/" + c.srv.opts.Node, "type": "node", "node": c.srv.opts.Node, "status": "online"})
	}
	for _, st := range c.srv.storages() {
		if (kind == "" || kind == "storage") && c.may("/storage/"+st.ID, "Datastore.Audit", "Datastore.AllocateSpace") {
			out = append(out, map[string]any{"id": "storage/" + c.srv.opts.Node + "/" + st.ID, "type": "storage",
				"storage": st.ID, "node": c.srv.opts.Node, "status": "available", "plugintype": st.Type})
		}
	}
	return out, nil
}

func clusterStatus(c *call) (any, error) {
	return []map[string]any{{"id": "node/" + c.srv.opts.Node, "type": "node", "name": c.srv.opts.Node, "online": 1, "local": 1, "nodeid": 0}}, nil
}

func nodes(c *call) (any, error) {
	doc := map[string]any{"node": c.srv.opts.Node, "id": "node/" + c.srv.opts.Node, "type": "node", "status": "online"}
	if c.may("/nodes/"+c.srv.opts.Node, "Sys.Audit") {
		doc["maxcpu"], doc["maxmem"] = c.srv.opts.CPUs, int64(c.srv.opts.MemoryMB)<<20
	}
	return []any{doc}, nil
}

func nodeStatus(c *call) (any, error) {
	total, used := int64(c.srv.opts.MemoryMB)<<20, int64(1)<<30
	for _, id := range c.srv.vmids() {
		v, err := c.srv.load(id)
		if err == nil && c.srv.opts.Hypervisor.Running(id) {
			used += v.memory()
		}
	}
	doc, err := version(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"pveversion": "pve-manager/" + doc.(map[string]string)["version"] + "/0000000000000000",
		"memory":     map[string]int64{"total": total, "used": used, "free": max(0, total-used)},
		"cpuinfo":    map[string]any{"cpus": c.srv.opts.CPUs, "cores": c.srv.opts.CPUs, "sockets": 1, "model": "fakepve", "hvm": "1"},
		"cpu":        0.01, "wait": 0, "idle": 0, "uptime": 86400, "loadavg": []string{"0.01", "0.01", "0.01"},
		"rootfs":   map[string]int64{"total": 100 << 30, "used": 10 << 30, "free": 90 << 30, "avail": 90 << 30},
		"swap":     map[string]int64{"total": 0, "used": 0, "free": 0},
		"kversion": "Linux 6.14.0 (fakepve)",
	}, nil
}

func networks(c *call) (any, error) {
	out := []map[string]any{}
	for i, b := range c.srv.opts.Bridges {
		out = append(out, map[string]any{"iface": b, "type": "bridge", "active": 1, "autostart": 1, "priority": i + 1,
			"method": "manual", "method6": "manual", "families": []string{"inet"}, "bridge_ports": "", "bridge_stp": "off", "bridge_fd": "0"})
	}
	return out, nil
}
