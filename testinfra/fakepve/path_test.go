package fakepve

import (
	"crypto/sha512"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
)

// TestTheWholePath goes the way of k3sedge: image, machine, seed, start,
// status, snapshot, rollback, destroy.
func TestTheWholePath(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	content := qcow2(2)
	sum := sha512.Sum512(content)
	c.task("OK", http.MethodPost, "/nodes/pve/storage/local/download-url", form("content", "import", "filename", "debian.qcow2",
		"url", image(t, content)+"/x", "checksum", hex.EncodeToString(sum[:]), "checksum-algorithm", "sha512"))
	c.created("9000", "edge-1")
	r := c.upload("local", "seed-9000.iso", []byte("first"))
	if r.Status != http.StatusOK || c.wait(r.Data) != "OK" {
		t.Fatalf("upload: %+v", r)
	}
	c.must(http.MethodPut, "/nodes/pve/qemu/9000/config", form("scsi1", "local:iso/seed-9000.iso,media=cdrom", "onboot", "1"))
	c.task("OK", http.MethodPut, "/nodes/pve/qemu/9000/resize", form("disk", "scsi0", "size", "20G"))
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/status/start", nil)

	m, isos, ok := c.srv.Memory.Started(9000)
	if !ok || m.Name != "edge-1" || m.Cores != 2 || m.MemoryMB != 2048 || m.DiskSize != 20*gib || !strings.HasPrefix(m.MAC, "BC:24:11:") {
		t.Fatalf("started %+v", m)
	}
	if len(isos) != 1 || string(isos[0]) != "first" {
		t.Fatalf("booted from %q, want the attached ISO", isos)
	}
	if d := c.doc("/nodes/pve/qemu/9000/status/current"); d["status"] != "running" || d["name"] != "edge-1" {
		t.Errorf("status %v", d)
	}
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/snapshot", form("snapname", "before"))
	c.must(http.MethodPut, "/nodes/pve/qemu/9000/config", form("description", "after"))
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/snapshot/before/rollback", form("start", "1"))
	if d := c.doc("/nodes/pve/qemu/9000/config"); d["description"] != nil {
		t.Errorf("rolled back, yet the description is %v", d["description"])
	}
	if r := c.do(http.MethodDelete, "/nodes/pve/qemu/9000", nil); r.Reason != "VM 9000 is running - destroy failed" {
		t.Errorf("destroy of a running machine: %+v", r)
	}
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/status/stop", nil)
	c.task("OK", http.MethodDelete, "/nodes/pve/qemu/9000", form("purge", "1", "destroy-unreferenced-disks", "0"))
	if got := c.must(http.MethodGet, "/nodes/pve/storage/local-lvm/content", nil).([]any); len(got) != 0 {
		t.Errorf("left on the storage: %v", got)
	}
}
