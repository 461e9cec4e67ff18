package provision

import (
	"context"
	"fmt"

	proxmox "github.com/luthermonson/go-proxmox"
)

// Snapshots lists the snapshots of a VM.
func (c *client) Snapshots(ctx context.Context, vmid int) ([]Snapshot, error) {
	var rows []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	err := c.get(ctx, &rows, "/nodes/%s/qemu/%d/snapshot", c.settings.Node, vmid)
	var out []Snapshot
	for _, r := range rows {
		if r.Name != "current" { // what Proxmox calls the state of now
			out = append(out, Snapshot{Name: r.Name, Description: r.Description})
		}
	}
	return out, err
}

// TakeSnapshot keeps the VM's disks as they are.
func (c *client) TakeSnapshot(ctx context.Context, vmid int, s Snapshot) (UPID, error) {
	return c.post(ctx, Options{"snapname": s.Name, "description": s.Description}, "/nodes/%s/qemu/%d/snapshot", c.settings.Node, vmid)
}

// DropSnapshot forgets a snapshot.
func (c *client) DropSnapshot(ctx context.Context, vmid int, name string) (UPID, error) {
	var id proxmox.UPID
	err := c.px.Delete(ctx, fmt.Sprintf("/nodes/%s/qemu/%d/snapshot/%s", c.settings.Node, vmid, name), &id)
	return UPID(id), explain(c.settings, bare(err))
}

// AgentExec starts a program. The library's own call loses the error.
func (c *client) AgentExec(ctx context.Context, vmid int, argv []string) (int, error) {
	var started struct {
		PID int `json:"pid"`
	}
	err := c.px.Post(ctx, fmt.Sprintf("/nodes/%s/qemu/%d/agent/exec", c.settings.Node, vmid), Options{"command": argv}, &started)
	return started.PID, explain(c.settings, bare(err))
}

// AgentExecStatus tells of a program that AgentExec started.
func (c *client) AgentExecStatus(ctx context.Context, vmid, pid int) (GuestProgram, error) {
	var s struct {
		Exited proxmox.IntOrBool `json:"exited"`
		Code   int               `json:"exitcode"`
		Out    string            `json:"out-data"`
		Stderr string            `json:"err-data"`
	}
	err := c.get(ctx, &s, "/nodes/%s/qemu/%d/agent/exec-status?pid=%d", c.settings.Node, vmid, pid)
	return GuestProgram{Ended: bool(s.Exited), Code: s.Code, Out: s.Out, Stderr: s.Stderr}, err
}
