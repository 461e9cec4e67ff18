package fakepve

import (
	"net/http"
	"strings"
	"testing"
)

func TestNoPrivilege(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Access: leastAccess(9)})
	if err := c.srv.Fault(Fault{Kind: NoPrivilege, Message: "Sys.AccessNetwork"}); err != nil {
		t.Fatal(err)
	}
	if got := c.doc("/access/permissions?path=/nodes/pve")["/nodes/pve"].(map[string]any); len(got) != 1 || got["Sys.AccessNetwork"] != nil {
		t.Errorf("rights on the node without one of two: %v", got)
	}
	if all := c.srv.permissions(root, "/"); len(all) != len(privileges(9)) {
		t.Errorf("root has %d rights of %d", len(all), len(privileges(9)))
	}
	c.srv.ClearFaults()
	if got := c.doc("/access/permissions?path=/nodes/pve")["/nodes/pve"].(map[string]any); len(got) != 2 {
		t.Errorf("after the fault: %v", got)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.imported()
	if err := c.srv.Fault(Fault{Kind: Full, Free: 3 << 30}); err != nil {
		t.Fatal(err)
	}
	free := func() any { return c.doc("/nodes/pve/storage/local-lvm/status")["avail"] }
	if got := free(); got != float64(3<<30) {
		t.Errorf("free are %v bytes", got)
	}
	c.created("9000", "fits")
	if got := free(); got != float64(3<<30) {
		t.Errorf("free are %v bytes after a disk was made: each request is to find the same", got)
	}
	if got := c.wait(c.must(http.MethodPut, "/nodes/pve/qemu/9000/resize", form("disk", "scsi0", "size", "9G"))); !strings.Contains(got, "insufficient free space") {
		t.Errorf("growing beyond what is free ended %q", got)
	}
	c.srv.ClearFaults()
	c.task("OK", http.MethodPut, "/nodes/pve/qemu/9000/resize", form("disk", "scsi0", "size", "9G"))
}
