package provision

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	proxmox "github.com/luthermonson/go-proxmox"

	"github.com/k3sedge/k3sedge/inventory"
)

// client is the API over go-proxmox. It uses the library's plain requests,
// because its helpers wait, guess ids, write files and lose errors.
type client struct {
	settings  inventory.Proxmox
	token     inventory.Secret
	transport *transport
	px        *proxmox.Client
}

var _ API = (*client)(nil)

func newClient(p inventory.Proxmox, token inventory.Secret) (*client, error) {
	if _, err := parseEndpoint(p.Endpoint); err != nil {
		return nil, err
	}
	t, err := newTransport(p, token)
	if err != nil {
		return nil, err
	}
	c := &client{settings: p, token: token, transport: t}
	c.px = c.library(t)
	return c, nil
}

// library is a client of go-proxmox that sends through rt and logs nothing:
// its log would hold whole bodies.
func (c *client) library(rt http.RoundTripper) *proxmox.Client {
	return proxmox.NewClient(strings.TrimRight(c.settings.Endpoint, "/")+"/api2/json",
		proxmox.WithHTTPClient(httpClient(rt)),
		proxmox.WithAPIToken(c.settings.Token.ID, c.token.Reveal()),
		proxmox.WithLogger(silent{}),
		proxmox.WithUserAgent("k3sedge"))
}

func (c *client) get(ctx context.Context, into any, path string, args ...any) error {
	return explain(c.settings, bare(c.px.Get(ctx, fmt.Sprintf(path, args...), into)))
}

func (c *client) post(ctx context.Context, data Options, path string, args ...any) (UPID, error) {
	var id proxmox.UPID
	var body any // a nil map would be sent as the word null
	if data != nil {
		body = data
	}
	err := c.px.Post(ctx, fmt.Sprintf(path, args...), body, &id)
	return UPID(id), explain(c.settings, bare(err))
}

// VMs lists the VMs of the node.
func (c *client) VMs(ctx context.Context) ([]VM, error) {
	var rows []vmRow
	err := c.get(ctx, &rows, "/nodes/%s/qemu", c.settings.Node)
	vms := make([]VM, len(rows))
	for i, r := range rows {
		vms[i] = r.vm()
	}
	slices.SortFunc(vms, func(a, b VM) int { return a.VMID - b.VMID })
	return vms, err
}

// VMStatus reads whether a VM runs.
func (c *client) VMStatus(ctx context.Context, vmid int) (VM, error) {
	var row vmRow
	err := c.get(ctx, &row, "/nodes/%s/qemu/%d/status/current", c.settings.Node, vmid)
	vm := row.vm()
	vm.VMID = vmid
	return vm, err
}

// VMConfig reads a VM's configuration.
func (c *client) VMConfig(ctx context.Context, vmid int) (VMConfig, error) {
	var raw map[string]any
	err := c.get(ctx, &raw, "/nodes/%s/qemu/%d/config", c.settings.Node, vmid)
	if err != nil {
		return VMConfig{}, err
	}
	return newVMConfig(raw), nil
}

// AgentFile reads a file through the guest agent.
func (c *client) AgentFile(ctx context.Context, vmid int, path string) (string, error) {
	vm := &proxmox.VirtualMachine{}
	vm.New(c.px, c.settings.Node, vmid)
	file, err := vm.AgentFileRead(ctx, path)
	if err != nil {
		return "", explain(c.settings, bare(err))
	}
	return file.Content, nil
}

// Storage reads a storage's state on the node.
func (c *client) Storage(ctx context.Context, name string) (StorageStatus, error) {
	var s proxmox.Storage
	err := c.get(ctx, &s, "/nodes/%s/storage/%s/status", c.settings.Node, name)
	return StorageStatus{
		Type: s.Type, Active: s.Active == 1 && s.Enabled == 1,
		Content: strings.FieldsFunc(s.Content, func(r rune) bool { return r == ',' || r == ' ' }),
		Avail:   int64(s.Avail), Size: int64(s.Total),
	}, err
}

// Volumes lists what is on a storage.
func (c *client) Volumes(ctx context.Context, storage, content string) ([]Volume, error) {
	var rows []struct {
		VolID string                 `json:"volid"`
		Size  proxmox.StringOrUint64 `json:"size"`
	}
	err := c.get(ctx, &rows, "/nodes/%s/storage/%s/content?content=%s", c.settings.Node, storage, content)
	out := make([]Volume, len(rows))
	for i, r := range rows {
		out[i] = Volume{ID: r.VolID, Size: int64(r.Size)}
	}
	return out, err
}

// Version reads the version of Proxmox VE, such as 9.0.3.
func (c *client) Version(ctx context.Context) (string, error) {
	var v proxmox.Version
	err := c.get(ctx, &v, "/version")
	return v.Version, err
}

// Privileges reads what the token may do on path. A value of 0 is a privilege
// that ends there, of 1 one that also holds below; both hold here.
func (c *client) Privileges(ctx context.Context, path string) (map[string]bool, error) {
	var all map[string]map[string]proxmox.IntOrBool
	err := c.get(ctx, &all, "/access/permissions?path=%s", path)
	out := map[string]bool{}
	for privilege := range all[path] {
		out[privilege] = true
	}
	return out, err
}

// Bridges lists the network bridges of the node.
func (c *client) Bridges(ctx context.Context) ([]string, error) {
	var rows []struct {
		Iface string `json:"iface"`
	}
	err := c.get(ctx, &rows, "/nodes/%s/network?type=any_bridge", c.settings.Node)
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Iface
	}
	return out, err
}

// Task reads the state of a task.
func (c *client) Task(ctx context.Context, id UPID) (TaskStatus, error) {
	name, err := parseUPID(id)
	if err != nil {
		return TaskStatus{}, err
	}
	var s struct {
		Status string `json:"status"`
		Exit   string `json:"exitstatus"`
	}
	err = c.get(ctx, &s, "/nodes/%s/tasks/%s/status", name.Node, id)
	return TaskStatus{Running: s.Status != "stopped", Exit: s.Exit}, err
}

// TaskLog reads the log of a task.
func (c *client) TaskLog(ctx context.Context, id UPID) ([]string, error) {
	name, err := parseUPID(id)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Text string `json:"t"`
	}
	err = c.get(ctx, &rows, "/nodes/%s/tasks/%s/log?limit=%d", name.Node, id, wholeLog)
	var lines []string
	for _, r := range rows {
		// The last line, "TASK ERROR: …", is the exit status once more.
		if r.Text != "" && !strings.HasPrefix(r.Text, "TASK ") {
			lines = append(lines, r.Text)
		}
	}
	return lines, err
}

// CreateVM makes a VM.
func (c *client) CreateVM(ctx context.Context, vmid int, options Options) (UPID, error) {
	data := maps.Clone(options)
	data["vmid"] = vmid
	return c.post(ctx, data, "/nodes/%s/qemu", c.settings.Node)
}

// CloneVM makes a VM out of a template.
func (c *client) CloneVM(ctx context.Context, template, vmid int, options Options) (UPID, error) {
	data := maps.Clone(options)
	data["newid"] = vmid
	return c.post(ctx, data, "/nodes/%s/qemu/%d/clone", c.settings.Node, template)
}

// DestroyVM removes a stopped VM with its disks.
func (c *client) DestroyVM(ctx context.Context, vmid int) (UPID, error) {
	var id proxmox.UPID
	err := c.px.Delete(ctx, fmt.Sprintf("/nodes/%s/qemu/%d?purge=1&destroy-unreferenced-disks=0", c.settings.Node, vmid), &id)
	return UPID(id), explain(c.settings, bare(err))
}

// Configure changes options of a VM.
func (c *client) Configure(ctx context.Context, vmid int, options Options) (UPID, error) {
	return c.post(ctx, options, "/nodes/%s/qemu/%d/config", c.settings.Node, vmid)
}

// Resize sets a disk's size.
func (c *client) Resize(ctx context.Context, vmid int, disk, size string) (UPID, error) {
	var id proxmox.UPID
	err := c.px.Put(ctx, fmt.Sprintf("/nodes/%s/qemu/%d/resize", c.settings.Node, vmid), Options{"disk": disk, "size": size}, &id)
	return UPID(id), explain(c.settings, bare(err))
}

// Start switches a VM on.
func (c *client) Start(ctx context.Context, vmid int) (UPID, error) {
	return c.post(ctx, nil, "/nodes/%s/qemu/%d/status/start", c.settings.Node, vmid)
}

// Stop switches a VM off at once.
func (c *client) Stop(ctx context.Context, vmid int) (UPID, error) {
	return c.post(ctx, nil, "/nodes/%s/qemu/%d/status/stop", c.settings.Node, vmid)
}

// Download lets Proxmox fetch and verify a file.
func (c *client) Download(ctx context.Context, storage string, d Download) (UPID, error) {
	return c.post(ctx, Options{"content": d.Content, "filename": d.File, "url": d.URL, "checksum": d.Checksum, "checksum-algorithm": d.Algorithm},
		"/nodes/%s/storage/%s/download-url", c.settings.Node, storage)
}

// Upload puts an ISO onto a storage, in the place of one of the same name.
func (c *client) Upload(ctx context.Context, storage, file string, content []byte) (UPID, error) {
	var id proxmox.UPID
	err := c.library(boundTo{ctx, c.transport}).UploadReader(fmt.Sprintf("/nodes/%s/storage/%s/upload", c.settings.Node, storage),
		map[string]string{"content": "iso"}, file, bytes.NewReader(content), int64(len(content)), &id)
	return UPID(id), explain(c.settings, bare(err))
}

// silent is a logger for a library that would print.
type silent struct{}

// Debugf does nothing.
func (silent) Debugf(string, ...any) {}

// Infof does nothing.
func (silent) Infof(string, ...any) {}

// Warnf does nothing.
func (silent) Warnf(string, ...any) {}

// Errorf does nothing.
func (silent) Errorf(string, ...any) {}
