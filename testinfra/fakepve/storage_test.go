package fakepve

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestDownloads(t *testing.T) {
	t.Parallel()
	withBacking := qcow2(1)
	withBacking[8] = 1
	for _, tc := range []struct {
		name    string
		content []byte
		form    []string
		want    string // how the task ends
	}{
		{"raw image", []byte("bytes"), []string{"filename", "a.raw"}, "OK"},
		{"name is made harmless", []byte("bytes"), []string{"filename", "../../b c.raw"}, "OK"},
		{"right sum", []byte("bytes"), []string{"filename", "a.raw", "checksum-algorithm", "md5", "checksum", "4B3A6218BB3E3A7303E8A171A60FCF92"}, "OK"},
		{"wrong sum", []byte("bytes"), []string{"filename", "a.raw", "checksum-algorithm", "sha256", "checksum", "00"}, "checksum mismatch: got '"},
		{"not an image", []byte(strings.Repeat("no", 50)), []string{"filename", "a.qcow2"}, "failed to verify file: qemu-img: Could not open"},
		{"backing file", withBacking, []string{"filename", "a.qcow2"}, "failed to verify file: backing file not allowed"},
		{"no such page", nil, []string{"filename", "a.raw", "path", "/missing"}, "download failed: exit code 8"},
		{"nobody there", nil, []string{"filename", "a.raw", "path", "nobody"}, "download failed: exit code 4"},
		{"too big", make([]byte, 2048), []string{"filename", "a.raw"}, "error writing 'local:import/a.raw': No space left on device"},
	} {
		c := start(t, Options{Storages: []Storage{{ID: "local", Type: "dir", Content: []string{"import"}, Total: 1000}}})
		f := form(append(tc.form, "content", "import")...)
		f.Set("url", image(t, tc.content)+f.Get("path"))
		if f.Get("path") == "nobody" {
			f.Set("url", "http://127.0.0.1:1/")
		}
		f.Del("path")
		got := c.wait(c.must(http.MethodPost, "/nodes/pve/storage/local/download-url", f))
		if !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		list := c.must(http.MethodGet, "/nodes/pve/storage/local/content?content=import", nil).([]any)
		if (len(list) == 1) != (tc.want == "OK") {
			t.Errorf("%s: content %v", tc.name, list)
		}
		c.srv.noLitter(t)
	}
}

// noLitter wants no temporary file left behind.
func (r *Running) noLitter(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(r.opts.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "pveupload") || strings.HasPrefix(e.Name(), ".new") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestDownloadOverAnExistingFile(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	url := image(t, []byte("bytes"))
	get := func(more ...string) string {
		return c.wait(c.must(http.MethodPost, "/nodes/pve/storage/local/download-url",
			form(append(more, "content", "import", "filename", "a.raw", "url", url)...)))
	}
	right := []string{"checksum-algorithm", "md5", "checksum", "4b3a6218bb3e3a7303e8a171a60fcf92"}
	if got := get(right...); got != "OK" {
		t.Fatal(got)
	}
	if got := get(right...); got != "OK" {
		t.Errorf("same sum again: %q", got)
	}
	if got := get(); !strings.HasPrefix(got, "refusing to override existing file") {
		t.Errorf("without a sum: %q", got)
	}
	if got := get("checksum-algorithm", "md5", "checksum", "00"); !strings.HasSuffix(got, "aborting") {
		t.Errorf("other sum: %q", got)
	}
}

func TestUploadOverwrites(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	for _, content := range []string{"first, and longer", "second"} {
		if got := c.wait(c.upload("local", "seed.iso", []byte(content)).Data); got != "OK" {
			t.Fatal(got)
		}
	}
	list := c.must(http.MethodGet, "/nodes/pve/storage/local/content", form("content", "iso")).([]any)
	if len(list) != 1 || list[0].(map[string]any)["size"] != 6.0 {
		t.Errorf("content %v", list)
	}
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000", "scsi1", "local:iso/seed.iso,media=cdrom"))
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/status/start", nil)
	if _, isos, _ := c.srv.Memory.Started(9000); string(isos[0]) != "second" {
		t.Errorf("booted from %q", isos)
	}
	c.task("OK", http.MethodDelete, "/nodes/pve/storage/local/content/local:iso%2Fseed.iso", nil)
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/status/stop", nil)
	c.task("volume local:iso/seed.iso does not exist", http.MethodPost, "/nodes/pve/qemu/9000/status/start", nil)
	c.srv.noLitter(t)
}

func TestFullStorage(t *testing.T) {
	t.Parallel()
	storages := DefaultStorages()
	storages[1].Total = 3 * gib
	c := start(t, Options{Storages: storages})
	c.imported()
	c.created("9000", "edge-1")
	got := c.wait(c.must(http.MethodPost, "/nodes/pve/qemu", form("vmid", "9001", "scsi0", "local-lvm:0,import-from=local:import/debian.qcow2")))
	if !strings.HasPrefix(got, "unable to create VM 9001 - cannot import from 'local:import/debian.qcow2' - lvcreate") {
		t.Errorf("create on a full storage: %q", got)
	}
	if r := c.do(http.MethodGet, "/nodes/pve/qemu/9001/config", nil); r.Status != 500 {
		t.Errorf("a machine is left of it: %+v", r)
	}
	got = c.wait(c.must(http.MethodPut, "/nodes/pve/qemu/9000/resize", form("disk", "scsi0", "size", "20G")))
	if !strings.Contains(got, "insufficient free space") {
		t.Errorf("resize on a full storage: %q", got)
	}
	if d := c.doc("/nodes/pve/storage/local-lvm/status"); d["avail"] != float64(gib) {
		t.Errorf("status %v", d)
	}
}

func TestResize(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.imported()
	c.created("9000", "edge-1")
	for _, tc := range []struct{ disk, size, want string }{
		{"scsi0", "20G", "OK"}, {"scsi0", "20G", "OK"}, {"scsi0", "+1G", "OK"}, {"scsi0", "21504M", "OK"},
		{"scsi0", "20G", "shrinking disks is not supported"}, {"scsi7", "20G", "disk 'scsi7' does not exist"},
	} {
		c.task(tc.want, http.MethodPut, "/nodes/pve/qemu/9000/resize", form("disk", tc.disk, "size", tc.size))
	}
	if d := c.doc("/nodes/pve/qemu/9000/config"); d["scsi0"] != "local-lvm:vm-9000-disk-0,size=21G" {
		t.Errorf("config %v", d["scsi0"])
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	if got := c.must(http.MethodGet, "/nodes/pve/storage", form("content", "import")).([]any); len(got) != 1 {
		t.Errorf("storages for import: %v", got)
	}
	c.imported()
	c.created("9000", "edge-1")
	for path, want := range map[string]int{"/nodes": 1, "/nodes/pve/qemu": 1, "/cluster/resources?type=vm": 1, "/cluster/resources": 4,
		"/nodes/pve/network?type=bridge": 1, "/pools": 1, "/nodes/pve/tasks": 2, "/nodes/pve/tasks?vmid=9000": 1, "/cluster/status": 1,
		"/nodes/pve/tasks?source=active": 0, "/nodes/pve/tasks?errors=1": 0, "/nodes/pve/storage/local-lvm/content?vmid=9000": 1} {
		if got := c.must(http.MethodGet, path, nil).([]any); len(got) != want {
			t.Errorf("%s: %d entries, want %d: %v", path, len(got), want, got)
		}
	}
	if d := c.doc("/nodes/pve/status"); d["memory"] == nil {
		t.Errorf("node status %v", d)
	}
	if got := c.must(http.MethodGet, "/cluster/nextid", nil); got != "100" {
		t.Errorf("nextid %v", got)
	}
}
