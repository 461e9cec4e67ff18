package provision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
)

// grant is what the token needs on one path, as a role of its own.
type grant struct {
	path, role string
	privileges []string
	key        string // under provider.proxmox, that names the path; "" where nothing does
}

// grants lists what the token needs, for one version of Proxmox VE.
func grants(p inventory.Proxmox, version int) []grant {
	vms, pool := "/vms", ""
	if p.Pool != "" {
		vms, pool = "/pool/"+p.Pool, "pool"
	}
	out := []grant{
		{vms, "K3sEdgeVM", vmPrivileges(version), pool},
		{"/storage/" + p.Storage.Disks, "K3sEdgeDisks", []string{"Datastore.AllocateSpace", "Datastore.Audit"}, "storage.disks"},
	}
	files := []string{"Datastore.AllocateTemplate", "Datastore.Audit"}
	out = append(out, grant{"/storage/" + p.Storage.ISO, "K3sEdgeFiles", files, "storage.iso"})
	node := []string{"Sys.Audit"}
	if p.Image != nil {
		node = []string{"Sys.AccessNetwork", "Sys.Audit"} // download-url
		if p.Storage.Image != p.Storage.ISO {
			out = append(out, grant{"/storage/" + p.Storage.Image, "K3sEdgeFiles", files, "storage.image"})
		}
	}
	if p.Template != 0 {
		out = append(out, grant{fmt.Sprintf("/vms/%d", p.Template), "K3sEdgeTemplate", []string{"VM.Audit", "VM.Clone"}, "template"})
	}
	return append(out, grant{bridgePath(p), "K3sEdgeNet", []string{"SDN.Use"}, "bridge"}, grant{"/nodes/" + p.Node, "K3sEdgeNode", node, "node"})
}

func bridgePath(p inventory.Proxmox) string {
	path := "/sdn/zones/localnetwork/" + p.Bridge
	if p.VLAN != 0 {
		path += fmt.Sprintf("/%d", p.VLAN)
	}
	return path
}

// vmPrivileges differ in the guest agent: Proxmox VE 9 has split VM.Monitor,
// and refuses a role that names it. Unrestricted is the one that lets the agent
// run the way back in a machine whose network lets nobody in.
func vmPrivileges(version int) []string {
	agent := []string{"VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"}
	if version < 9 {
		agent = []string{"VM.Monitor"}
	}
	return slices.Concat([]string{
		"VM.Allocate", "VM.Audit",
		"VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit", "VM.Config.Disk", "VM.Config.HWType",
		"VM.Config.Memory", "VM.Config.Network", "VM.Config.Options",
	}, agent, []string{"VM.PowerMgmt", "VM.Snapshot", "VM.Snapshot.Rollback"})
}

// SetupLines are the commands that, typed once on the Proxmox host, make the
// pool, the roles and the token with exactly the rights that k3sedge needs.
func SetupLines(p inventory.Proxmox, version int) []string {
	user, token, _ := strings.Cut(p.Token.ID, "!")
	var lines []string
	if p.Pool != "" {
		lines = append(lines, "pveum pool add "+p.Pool)
	}
	lines = append(lines, "pveum user add "+user, fmt.Sprintf("pveum user token add %s %s --privsep 1", user, token))
	return append(lines, grantLines(p, grants(p, version)...)...)
}

// grantLines are the commands that give grants: each role once, and every
// path to the token and to its user, because a token with privilege
// separation may only do what its user may do, too.
func grantLines(p inventory.Proxmox, gs ...grant) []string {
	user, _, _ := strings.Cut(p.Token.ID, "!")
	var roles, acls []string
	for _, g := range gs {
		role := fmt.Sprintf("pveum role add %s --privs %q", g.role, strings.Join(g.privileges, " "))
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
		acls = append(acls, fmt.Sprintf("pveum acl modify %s --roles %s --users %s --tokens '%s'", g.path, g.role, user, p.Token.ID))
	}
	return append(roles, acls...)
}
