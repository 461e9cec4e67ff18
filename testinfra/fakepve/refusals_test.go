package fakepve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRefusals goes through what Proxmox VE does not accept, with the message
// it gives.
func TestRefusals(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.imported()
	c.created("9000", "edge-1")
	c.wait(c.upload("local", "seed.iso", []byte("x")).Data)
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9001", "protection", "1"))
	const vm, local = "/nodes/pve/qemu/9000", "/nodes/pve/storage/local"
	for _, tc := range []struct {
		method, path, form string
		status             int
		want               string // in the reason or in the field's text
		field              string
	}{
		{"GET", "/cluster/ha/status", "", 501, "Method 'GET /cluster/ha/status' not implemented", ""},
		{"DELETE", "/version", "", 501, "Method 'DELETE /version' not implemented", ""},
		{"GET", "/nodes/other/qemu", "", 500, "hostname lookup 'other' failed", ""},
		{"GET", "/nodes/pve/qemu/abc/config", "", 400, "type check ('integer') failed - got 'abc'", "vmid"},
		{"GET", "/nodes/pve/qemu/99/config", "", 400, "minimum value of 100", "vmid"},
		{"GET", "/nodes/pve/qemu/9999/config", "", 500, "Configuration file 'nodes/pve/qemu-server/9999.conf' does not exist", ""},
		{"GET", "/cluster/nextid", "vmid=9000", 400, "VM 9000 already exists", "vmid"},
		{"POST", "/nodes/pve/qemu", "vmid=9000", 500, "unable to create VM 9000 - VM 9000 already exists on node 'pve'", ""},
		{"POST", "/nodes/pve/qemu", "name=x", 400, "property is missing and it is not optional", "vmid"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 colour=red", 400, "property is not defined in schema", "colour"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 name=a_b", 400, "valid DNS name", "name"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 memory=lots", 400, "type check ('integer') failed - got 'lots'", "memory"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 pool=nope", 500, "no such pool 'nope'", ""},
		{"POST", "/nodes/pve/qemu", "vmid=9002 scsi0=nope:1", 500, "storage 'nope' does not exist", ""},
		{"POST", "/nodes/pve/qemu", "vmid=9002 scsi0=local:1", 400, "storage 'local' does not support vm images", "storage"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 scsi0=local-lvm:0,import-from=/etc/shadow", 500, "Only root can pass arbitrary filesystem paths.", ""},
		{"POST", "/nodes/pve/qemu", "vmid=9002 scsi0=local-lvm:0,import-from=local:import/no.qcow2", 500, "volume local:import/no.qcow2 does not exist", ""},
		{"POST", "/nodes/pve/qemu", "vmid=9002 scsi0=local-lvm:0,import-from=local:iso/seed.iso", 400, "has wrong type 'iso'", "scsi0"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 scsi0=local-lvm:1,colour=red", 400, "invalid key in comma-separated list property: colour", "scsi0"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 net0=bridge=vmbr0", 400, "'model' is missing", "net0"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 net0=virtio=01:00:00:00:00:00", 400, "valid unicast MAC address", "net0"},
		{"POST", "/nodes/pve/qemu", "vmid=9002 ide2=local-lvm:cloudinit", 501, "fakepve was not taught", ""},
		{"PUT", vm + "/config", "args=-S", 500, "only root can set 'args' config", ""},
		{"PUT", vm + "/config", "hookscript=local:snippets/a", 500, "only root can set 'hookscript' config", ""},
		{"PUT", vm + "/config", "lock=backup", 500, "only root can set 'lock' config", ""},
		{"PUT", vm + "/config", "serial0=/dev/ttyS0", 500, "only root can set 'serial0' config for real devices", ""},
		{"PUT", vm + "/config", "cicustom=user=local:snippets/a", 400, "fakepve was not taught this key", "cicustom"},
		{"PUT", vm + "/config", "skiplock=1 name=a", 400, "Only root may use this option.", "skiplock"},
		{"PUT", vm + "/config", "", 500, "no options specified", ""},
		{"PUT", vm + "/config", "delete=colour", 400, "unknown option 'colour'", "delete"},
		{"PUT", vm + "/config", "name=b digest=0000", 500, "checksum mismatch (file change by other user?)", ""},
		{"PUT", vm + "/config", "boot=order=scsi9", 500, "invalid bootorder: device 'scsi9' does not exist'", ""},
		{"PUT", vm + "/config", "sshkeys=ssh-ed25519+AAAA", 400, "invalid urlencoded string", "sshkeys"},
		{"PUT", vm + "/config", "scsi1=local:iso/none.iso,media=cdrom", 500, "volume local:iso/none.iso does not exist", ""},
		{"PUT", vm + "/resize", "disk=scsi0 size=big", 400, "does not match the regex pattern", "size"},
		{"POST", vm + "/clone", "newid=9002", 0, "", ""},
		{"POST", vm + "/clone", "newid=9001", 500, "unable to create VM 9001: config file already exists", ""},
		{"POST", vm + "/clone", "newid=9003 full=0 storage=local-lvm", 500, "parameter 'storage' not allowed for linked clones", ""},
		{"POST", vm + "/clone", "newid=9003 full=0 format=raw", 500, "parameter 'format' not allowed for linked clones", ""},
		{"POST", vm + "/clone", "newid=9003 full=0", 500, "Linked clone feature is not supported", ""},
		{"POST", vm + "/snapshot", "snapname=current", 500, "(reserved name)", ""},
		{"POST", vm + "/snapshot", "snapname=1a", 400, "invalid configuration ID", "snapname"},
		{"GET", vm + "/agent/network-get-interfaces", "", 500, "No QEMU guest agent configured", ""},
		{"DELETE", "/nodes/pve/qemu/9001", "", 500, "can't remove VM 9001 - protection mode enabled", ""},
		{"DELETE", "/nodes/pve/qemu/9001", "skiplock=1", 400, "Only root may use this option.", "skiplock"},
		{"POST", local + "/download-url", "url=ftp://x content=iso filename=a.iso", 400, "does not match the regex pattern", "url"},
		{"POST", local + "/download-url", "url=http://x content=iso filename=a.txt", 400, "wrong file extension", "filename"},
		{"POST", local + "/download-url", "url=http://x content=import filename=a.iso", 400, "invalid filename or wrong extension", "filename"},
		{"POST", local + "/download-url", "url=http://x content=snippets filename=a.yaml", 400, "enumeration 'iso, vztmpl, import'", "content"},
		{"POST", local + "/download-url", "url=http://x content=iso filename=a.iso checksum=00", 400, "requires this property", "checksum"},
		{"POST", "/nodes/pve/storage/local-lvm/download-url", "url=http://x content=iso filename=a.iso", 500, "not a file based storage!", ""},
		{"GET", "/nodes/pve/storage/nope/content", "", 500, "storage 'nope' does not exist", ""},
		{"GET", "/nodes/pve/tasks/nonsense/status", "", 400, "unable to parse worker upid", "upid"},
		{"GET", "/nodes/pve/tasks/UPID:pve:00000001:00000001:00000001:x::a@pve:/status", "", 400, "no such task", "upid"},
	} {
		r := c.do(tc.method, tc.path, spaced(tc.form))
		if tc.status == 0 {
			c.wait(r.Data)
			continue
		}
		got := r.Reason
		if tc.field != "" {
			if got = r.Errors[tc.field]; r.Reason != "Parameter verification failed." {
				t.Errorf("%s %s %s: reason %q", tc.method, tc.path, tc.form, r.Reason)
			}
		}
		if r.Status != tc.status || !strings.Contains(got, tc.want) {
			t.Errorf("%s %s %s: %d %q %v, want %d %q", tc.method, tc.path, tc.form, r.Status, r.Reason, r.Errors, tc.status, tc.want)
		}
		if strings.TrimSpace(r.Message) != r.Reason {
			t.Errorf("%s %s: body says %q, status line %q", tc.method, tc.path, r.Message, r.Reason)
		}
	}
}

// TestBodies sends the same change as a form, as JSON and as neither.
func TestBodies(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000"))
	for _, tc := range []struct {
		kind, body string
		status     int
	}{
		{"application/json", `{"cores":2,"onboot":true,"name":"edge-1","tags":null}`, 200},
		{"application/json; charset=utf-8", `{"cores":"2"}`, 200},
		{"application/x-www-form-urlencoded", "cores=2&onboot=1", 200},
		{"", "cores=2", 200},
		{"application/json", `{"cores":{"a":1}}`, 400},
		{"application/json", `["cores"]`, 500},
		{"application/json", `{"cores":`, 500},
		{"application/x-www-form-urlencoded", "%zz=1", 400},
	} {
		req, err := http.NewRequest(http.MethodPut, c.srv.URL+"/api2/json/nodes/pve/qemu/9000/config", strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", tc.kind)
		if r := c.send(req); r.Status != tc.status {
			t.Errorf("%s %s: %d %s %v", tc.kind, tc.body, r.Status, r.Reason, r.Errors)
		}
	}
	if d := c.doc("/nodes/pve/qemu/9000/config"); d["cores"] != 2.0 || d["onboot"] != 1.0 || d["name"] != "edge-1" {
		t.Errorf("config %v", d)
	}
	req := httptest.NewRequest(http.MethodDelete, c.srv.URL+"/api2/json/nodes/pve/qemu/9000", strings.NewReader("purge=1"))
	req.RequestURI = ""
	if r := c.send(req); r.Status != 501 || r.Reason != "Unexpected content for method 'DELETE'" {
		t.Errorf("DELETE with a body: %+v", r)
	}
}
