package fakepve

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// leastAccess is the table of rights that k3sedge documents, given to a token
// with privilege separation whose user is an administrator.
func leastAccess(major int) Access {
	agent := []string{"VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"}
	if major == 8 {
		agent = []string{"VM.Monitor"}
	}
	return Access{
		Users: []string{"k3sedge@pve"}, Pools: []string{"k3sedge"},
		Tokens: []Token{{ID: TestToken, Secret: TestSecret, PrivSep: true}},
		Roles: map[string][]string{
			"Machines": append(agent, "VM.Allocate", "VM.Audit", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit", "VM.Config.Disk",
				"VM.Config.HWType", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.PowerMgmt", "VM.Snapshot",
				"VM.Snapshot.Rollback"),
			"Disks": {"Datastore.AllocateSpace", "Datastore.Audit"},
			"Files": {"Datastore.AllocateTemplate", "Datastore.Audit"},
			"Net":   {"SDN.Use"},
			"Node":  {"Sys.AccessNetwork", "Sys.Audit"},
		},
		Grants: []Grant{
			{Path: "/", Who: "k3sedge@pve", Role: administrator},
			{Path: "/pool/k3sedge", Who: TestToken, Role: "Machines"}, {Path: "/storage/local-lvm", Who: TestToken, Role: "Disks"},
			{Path: "/storage/local", Who: TestToken, Role: "Files"}, {Path: "/nodes/pve", Who: TestToken, Role: "Node"},
			{Path: "/sdn/zones/localnetwork/vmbr0", Who: TestToken, Role: "Net"},
		},
	}
}

func TestDocumentedRightsAreEnough(t *testing.T) {
	t.Parallel()
	for _, major := range []int{8, 9} {
		c := start(t, Options{Major: major, Access: leastAccess(major)})
		c.imported()
		c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000", "pool", "k3sedge", "name", "edge-1", "description", "mark",
			"tags", "k3sedge", "agent", "1", "serial0", "socket", "scsi0", "local-lvm:0,import-from=local:import/debian.qcow2", "net0", "virtio,bridge=vmbr0"))
		c.wait(c.upload("local", "seed.iso", []byte("x")).Data)
		c.must(http.MethodPut, "/nodes/pve/qemu/9000/config", form("scsi1", "local:iso/seed.iso,media=cdrom"))
		c.task("OK", http.MethodPut, "/nodes/pve/qemu/9000/resize", form("disk", "scsi0", "size", "5G"))
		c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/status/start", nil)
		c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/snapshot", form("snapname", "ready"))
		c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/status/stop", nil)
		c.task("OK", http.MethodDelete, "/nodes/pve/qemu/9000", nil)
	}
}

// TestEachRightIsNeeded takes one right away at a time and wants the refusal
// that names it.
func TestEachRightIsNeeded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		privilege, want, method, path, form string
	}{
		{"VM.Allocate", "Permission check failed", "POST", "/nodes/pve/qemu", "vmid=9001 pool=k3sedge memory=512"},
		{"VM.Config.Memory", "(/vms/9001, VM.Config.Memory)", "POST", "/nodes/pve/qemu", "vmid=9001 pool=k3sedge memory=512"},
		{"VM.Config.Disk", "(/vms/9000, VM.Config.Disk)", "PUT", "/nodes/pve/qemu/9000/config", "scsi0=local-lvm:1"},
		{"VM.Config.HWType", "(/vms/9001, VM.Config.HWType)", "POST", "/nodes/pve/qemu", "vmid=9001 pool=k3sedge serial0=socket"},
		{"VM.Config.Options", "(/vms/9000, VM.Config.Options)", "PUT", "/nodes/pve/qemu/9000/config", "tags=k3sedge"},
		{"VM.Config.CDROM", "(/vms/9000, VM.Config.CDROM)", "PUT", "/nodes/pve/qemu/9000/config", "scsi1=none,media=cdrom"},
		{"VM.Config.HWType", "(/vms/9000, VM.Config.HWType)", "PUT", "/nodes/pve/qemu/9000/config", "serial0=socket"},
		{"VM.PowerMgmt", "(/vms/9000, VM.PowerMgmt)", "POST", "/nodes/pve/qemu/9000/status/start", ""},
		{"VM.Snapshot", "(/vms/9000, VM.Snapshot)", "POST", "/nodes/pve/qemu/9000/snapshot", "snapname=abc"},
		{"VM.Audit", "(/vms/9000, VM.Audit)", "GET", "/nodes/pve/qemu/9000/status/current", ""},
		{"VM.GuestAgent.Unrestricted", "(/vms/9000, VM.GuestAgent.Unrestricted)", "POST", "/nodes/pve/qemu/9000/agent/exec", "command=id"},
		{"Datastore.AllocateSpace", "(/storage/local-lvm, Datastore.AllocateSpace)", "POST", "/nodes/pve/qemu", "vmid=9001 pool=k3sedge scsi0=local-lvm:1"},
		{"Datastore.AllocateTemplate", "(/storage/local, Datastore.AllocateTemplate)", "POST", "/nodes/pve/storage/local/download-url", "url=http://x/ content=iso filename=a.iso"},
		{"Sys.AccessNetwork", "Permission check failed", "POST", "/nodes/pve/storage/local/download-url", "url=http://x/ content=iso filename=a.iso"},
		{"Sys.Audit", "(/nodes/pve, Sys.Audit)", "GET", "/nodes/pve/status", ""},
		{"SDN.Use", "(/sdn/zones/localnetwork/vmbr0, SDN.Use)", "POST", "/nodes/pve/qemu", "vmid=9001 pool=k3sedge net0=virtio,bridge=vmbr0"},
	} {
		access := leastAccess(9)
		for role, list := range access.Roles {
			access.Roles[role] = slices.DeleteFunc(slices.Clone(list), func(p string) bool { return p == tc.privilege })
		}
		c := start(t, Options{Access: access})
		c.srv.poolVM(t, 9000)
		if r := c.do(tc.method, tc.path, spaced(tc.form)); r.Status != http.StatusForbidden || !strings.Contains(r.Reason, tc.want) {
			t.Errorf("without %s: %d %s, want 403 %s", tc.privilege, r.Status, r.Reason, tc.want)
		}
	}
}

// poolVM puts a machine into the pool behind the API's back.
func (r *Running) poolVM(t *testing.T, id int) {
	t.Helper()
	if err := r.AddForeignVM(id); err != nil {
		t.Fatal(err)
	}
	if err := r.changeVM(id, func(v *vm) error { v.Pool = "k3sedge"; return nil }); err != nil {
		t.Fatal(err)
	}
}

func spaced(text string) map[string][]string {
	out := form()
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		out.Add(name, value)
	}
	return out
}

func TestPermissionsAreTheIntersection(t *testing.T) {
	t.Parallel()
	a := Access{Users: []string{"u@pve"}, Pools: []string{"p"},
		Tokens: []Token{{ID: "u@pve!sep", PrivSep: true}, {ID: "u@pve!full"}},
		Roles:  map[string][]string{"AB": {"VM.Audit", "VM.Clone"}, "BC": {"VM.Clone", "VM.PowerMgmt"}, "D": {"VM.Backup"}},
		Grants: []Grant{{Path: "/vms", Who: "u@pve", Role: "AB"}, {Path: "/vms", Who: "u@pve!sep", Role: "BC"},
			{Path: "/vms/200", Who: "u@pve", Role: "D"}, {Path: "/vms/300", Who: "u@pve", Role: noAccess},
			{Path: "/nodes", Who: "u@pve", Role: "AB", Here: true}, {Path: "/pool/p", Who: "u@pve", Role: "D"}}}
	all := acl{access: a, all: privileges(9), pools: map[string][]int{"p": {100}}}
	for _, tc := range []struct{ who, path, want string }{
		{"u@pve", "/vms/101", "VM.Audit VM.Clone"},
		{"u@pve", "/vms/100", "VM.Audit VM.Backup VM.Clone"},
		{"u@pve", "/vms/200", "VM.Backup"},
		{"u@pve", "/vms/300", ""},
		{"u@pve", "/nodes", "VM.Audit VM.Clone"},
		{"u@pve", "/nodes/pve", ""},
		{"u@pve!full", "/vms/101", "VM.Audit VM.Clone"},
		{"u@pve!sep", "/vms/101", "VM.Clone"},
		{"u@pve!sep", "/vms/200", ""},
		{"u@pve!sep", "/", ""},
		{"u@pve!unknown", "/vms/101", ""},
	} {
		got := strings.Join(slices.Sorted(maps.Keys(all.permissions(tc.who, tc.path))), " ")
		if got != tc.want {
			t.Errorf("%s on %s: %q, want %q", tc.who, tc.path, got, tc.want)
		}
	}
}

func TestPermissionsEndpoint(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Access: leastAccess(9)})
	all := c.doc("/access/permissions")
	if got := all["/nodes/pve"].(map[string]any); got["Sys.AccessNetwork"] != 1.0 || len(got) != 2 {
		t.Errorf("/nodes/pve: %v", got)
	}
	if all["/"] != nil {
		t.Errorf("a token with privilege separation got its user's rights: %v", all["/"])
	}
	one := c.doc("/access/permissions?path=/vms/9000")
	if got, ok := one["/vms/9000"].(map[string]any); !ok || len(got) != 0 {
		t.Errorf("no rights must be an empty object: %v", one)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, header string
		major        int
		want         string
	}{
		{"none", "", 8, "No ticket"},
		{"wrong secret", "PVEAPIToken=" + TestToken + "=nope", 8, "invalid token value!"},
		{"wrong secret on 9", "PVEAPIToken=" + TestToken + "=nope", 9, "Authentication failed!"},
		{"no such token", "PVEAPIToken=k3sedge@pve!other=x", 8, "no such token 'other' for user 'k3sedge@pve'"},
		{"no name", "PVEAPIToken=k3sedge@pve=x", 8, "'k3sedge@pve' is not a valid token id"},
	} {
		c := start(t, Options{Major: tc.major})
		c.token = tc.header
		if r := c.do(http.MethodGet, "/version", nil); r.Status != http.StatusUnauthorized || r.Reason != tc.want {
			t.Errorf("%s: %d %q, want 401 %q", tc.name, r.Status, r.Reason, tc.want)
		}
	}
}

func TestOptionsThatCannotBePlayed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, o := range map[string]Options{
		"no state directory":   {},
		"version 7":            {StateDir: dir, Major: 7},
		"VM.Monitor on 9":      {StateDir: dir, Major: 9, Access: Access{Roles: map[string][]string{"R": {"VM.Monitor"}}}},
		"agent privilege on 8": {StateDir: dir, Major: 8, Access: Access{Roles: map[string][]string{"R": {"VM.GuestAgent.Audit"}}}},
		"unknown role":         {StateDir: dir, Access: Access{Grants: []Grant{{Path: "/", Who: root, Role: "R"}}}},
		"unknown user":         {StateDir: dir, Access: Access{Tokens: []Token{{ID: "a@pve!b"}}}},
		"bad path":             {StateDir: dir, Access: Access{Grants: []Grant{{Path: "vms", Who: root, Role: administrator}}}},
		"storage type":         {StateDir: dir, Storages: []Storage{{ID: "s", Type: "rbd"}}},
		"iso on lvm":           {StateDir: dir, Storages: []Storage{{ID: "s", Type: "lvm", Content: []string{"iso"}}}},
		"half a hypervisor":    {StateDir: dir, Hypervisor: NewMemory()},
		"node name":            {StateDir: dir, Node: "a/b"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
