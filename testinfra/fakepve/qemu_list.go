package fakepve

import (
	"fmt"
	"strconv"
	"time"
)

// summary is what lists and the status of a machine have in common.
func (s *Server) summary(vmid int, v *vm) map[string]any {
	cores, err := strconv.Atoi(orElse(v.Config["cores"], "1"))
	if err != nil {
		cores = 1
	}
	doc := map[string]any{"vmid": vmid, "name": orElse(v.Config["name"], fmt.Sprintf("VM %d", vmid)), "status": "stopped", "cpus": cores,
		"maxmem": v.memory(), "mem": 0, "cpu": 0, "maxdisk": s.bootDisk(v).Size, "disk": 0, "uptime": 0, "netin": 0, "netout": 0,
		"diskread": 0, "diskwrite": 0}
	for _, name := range []string{"lock", "tags"} {
		if value := v.Config[name]; value != "" {
			doc[name] = value
		}
	}
	if v.Config["template"] == "1" {
		doc["template"] = 1
	}
	if s.opts.Hypervisor.Running(vmid) {
		doc["status"], doc["uptime"], doc["pid"] = "running", max(1, time.Now().Unix()-v.Started), 10000+vmid
	}
	return doc
}

func listVMs(c *call) (any, error) {
	out := []map[string]any{}
	for _, id := range c.srv.vmids() {
		v, err := c.srv.load(id)
		if err == nil && c.may(fmt.Sprintf("/vms/%d", id), "VM.Audit") {
			out = append(out, c.srv.summary(id, &v))
		}
	}
	return out, nil
}

// bootDisk is the volume of the first disk in the boot order.
func (s *Server) bootDisk(v *vm) volume {
	for _, name := range bootOrder(v.Config) {
		if !driveKey.MatchString(name) {
			continue
		}
		d, err := parseDrive(v.Config[name])
		if err != nil || d.cdrom() {
			continue
		}
		if got, err := s.volume(d.file); err == nil {
			return got
		}
	}
	return volume{}
}
