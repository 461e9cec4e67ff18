package fakepve

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// client talks plain HTTP to a stand-in.
type client struct {
	t     *testing.T
	srv   *Running
	http  *http.Client
	token string
}

// reply is an answer taken apart.
type reply struct {
	Status  int
	Reason  string
	Data    any               `json:"data"`
	Errors  map[string]string `json:"errors"`
	Message string            `json:"message"`
}

func start(t *testing.T, o Options) *client {
	t.Helper()
	srv := Start(t, o)
	return &client{t: t, srv: srv, http: srv.Client(), token: srv.Token}
}

// do sends a form, or the body it is given.
func (c *client) do(method, path string, form url.Values) reply {
	c.t.Helper()
	target := c.srv.URL + "/api2/json" + path
	var body io.Reader
	if method == http.MethodPost || method == http.MethodPut {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		target += "?" + form.Encode()
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return c.send(req)
}

func (c *client) send(req *http.Request) reply {
	c.t.Helper()
	r, err := c.try(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	return r
}

func (c *client) try(req *http.Request) (reply, error) {
	req.Header.Set("Authorization", c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{Status: res.StatusCode, Reason: strings.TrimSpace(strings.TrimPrefix(res.Status, res.Status[:3]))}
	if len(text) > 0 {
		err = json.Unmarshal(text, &out)
	}
	return out, err
}

// must wants status 200.
func (c *client) must(method, path string, form url.Values) any {
	c.t.Helper()
	r := c.do(method, path, form)
	if r.Status != http.StatusOK {
		c.t.Fatalf("%s %s: %d %s %v", method, path, r.Status, r.Reason, r.Errors)
	}
	return r.Data
}

// doc wants an object.
func (c *client) doc(path string) map[string]any {
	c.t.Helper()
	d, ok := c.must(http.MethodGet, path, nil).(map[string]any)
	if !ok {
		c.t.Fatalf("GET %s: no object", path)
	}
	return d
}

// wait polls a task to its end and returns its exit status.
func (c *client) wait(upid any) string {
	c.t.Helper()
	id, ok := upid.(string)
	if !ok || !strings.HasPrefix(id, "UPID:pve:") {
		c.t.Fatalf("no UPID: %v", upid)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		d := c.doc("/nodes/pve/tasks/" + url.PathEscape(id) + "/status")
		if d["status"] == "stopped" {
			exit, _ := d["exitstatus"].(string)
			return exit
		}
	}
	c.t.Fatalf("task %s does not end", id)
	return ""
}

// task starts a task, waits and wants an exit status.
func (c *client) task(want, method, path string, form url.Values) string {
	c.t.Helper()
	upid := c.must(method, path, form)
	if got := c.wait(upid); got != want {
		c.t.Fatalf("%s %s: task ended %q, want %q", method, path, got, want)
	}
	return upid.(string)
}

// upload sends a file as go-proxmox does.
func (c *client) upload(storage, name string, content []byte) reply {
	c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("content", "iso"); err != nil {
		c.t.Fatal(err)
	}
	part, err := w.CreateFormFile("filename", name)
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = w.Close()
	req, err := http.NewRequest(http.MethodPost, c.srv.URL+"/api2/json/nodes/pve/storage/"+storage+"/upload", &b)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	return c.send(req)
}

// image serves a disk image and returns its URL.
func image(t *testing.T, content []byte) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/missing") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// qcow2 is the header of an image of a virtual size in GiB.
func qcow2(gigabytes byte) []byte {
	head := make([]byte, 104)
	copy(head, "QFI\xfb\x00\x00\x00\x03")
	head[28] = gigabytes << 6 // 2^30 is bit 6 of the byte at 28 of a big-endian number at 24
	return head
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// imported downloads an image to local:import/debian.qcow2.
func (c *client) imported() {
	c.t.Helper()
	c.task("OK", http.MethodPost, "/nodes/pve/storage/local/download-url",
		form("content", "import", "filename", "debian.qcow2", "url", image(c.t, qcow2(2))+"/debian.qcow2"))
}

// created makes a machine out of the imported image.
func (c *client) created(vmid, name string) {
	c.t.Helper()
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", vmid, "name", name, "memory", "2048", "cores", "2",
		"scsihw", "virtio-scsi-single", "scsi0", "local-lvm:0,import-from=local:import/debian.qcow2", "net0", "virtio,bridge=vmbr0"))
}
