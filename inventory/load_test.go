package inventory

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestLoadProxmox(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "proxmox.yaml")
	f.write("services/git.yaml", testdata(t, "service.yaml"), 0o644)
	f.write("services/.git.yaml", "an editor's", 0o644)
	f.write("services/README.md", "notes", 0o644)
	p := f.mustLoad()
	lan := netip.MustParsePrefix("10.0.0.0/24")
	wantSSH := SSH{
		User: "k3sedge", Port: 22, Identities: []string{filepath.Join(f.home, ".ssh/id")},
		AuthorizedKeys: []string{publicKey("ssh-ed25519", 32) + " admin@lan"}, AllowFrom: []netip.Prefix{lan},
	}
	if !reflect.DeepEqual(p.Cluster.SSH, wantSSH) {
		t.Errorf("ssh is %+v, want %+v", p.Cluster.SSH, wantSSH)
	}
	wantNodes := []Node{
		{Name: "edge-1", Role: Server, Address: netip.MustParseAddr("10.0.0.11"), CPUs: 2, Memory: 4 * GiB, Disk: 20 * GiB},
		{Name: "edge-2", Role: Agent, Address: netip.MustParseAddr("10.0.0.12"), CPUs: 2, Memory: 4 * GiB, Disk: 20 * GiB},
	}
	if !reflect.DeepEqual(p.Cluster.Nodes, wantNodes) {
		t.Errorf("nodes are %+v, want %+v", p.Cluster.Nodes, wantNodes)
	}
	if dns := p.Cluster.Network.DNS; len(dns) != 1 || dns[0] != p.Cluster.Network.Gateway {
		t.Errorf("DNS is %v, want the gateway", dns)
	}
	pve := p.Cluster.Provider.Proxmox
	if pve.Bridge != "vmbr0" || pve.VMIDs != (Range{9100, 9119}) || pve.Storage != (Storage{"local-lvm", "local", "local"}) {
		t.Errorf("proxmox has %+v, want its defaults", pve)
	}
	wantServices := []Service{{APIVersion: APIVersion, Kind: "Service", Name: "git", Host: "git.example.org", To: []string{"10.0.0.20:3000"}, Expose: ExposeLAN, Scheme: SchemeHTTP, Preset: PresetWeb}}
	if !reflect.DeepEqual(p.Services, wantServices) {
		t.Errorf("services are %+v, want %+v", p.Services, wantServices)
	}
}

func TestLoadExisting(t *testing.T) {
	t.Parallel()
	p := newFolder(t, "existing.yaml").mustLoad()
	if p.Cluster.Provider.Existing == nil || p.Cluster.Provider.Proxmox != nil {
		t.Errorf("provider is %+v, want existing", p.Cluster.Provider)
	}
	n, ok := p.Cluster.Node("edge-1")
	if !ok || n.Role != Server || n.CPUs != 0 || n.Memory != 0 || n.Disk != 0 {
		t.Errorf("node is %+v, want a server without sizes", n)
	}
	if _, ok := p.Cluster.Node("edge-2"); ok {
		t.Error("found a node that is not there")
	}
}

// What the user sets must not be overruled by a default.
func TestDefaultsYield(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "proxmox.yaml")
	f.replace(
		"    node: pve\n", "    node: pve\n    bridge: vmbr1\n    vlan: 7\n    vmids: 200-201\n    storage: {disks: zfs, image: nfs, iso: nfs}\n",
		"ssh:\n", "  dns: [9.9.9.9]\nssh:\n  user: admin\n  port: 2222\n  allowFrom: [0.0.0.0/0, '::/0']\n",
		"10.0.0.11\n", "10.0.0.11\n    role: agent\n    memory: 512MiB\n    cpus: 1\n    disk: 1TiB\n",
		"10.0.0.12\n", "10.0.0.12\n    role: server\n")
	c := f.mustLoad().Cluster
	before := f.mustLoad().Cluster
	Default(&c)
	if !reflect.DeepEqual(c, before) {
		t.Error("defaults change what is set")
	}
	if n := c.Nodes[0]; n.Role != Agent || n.CPUs != 1 || n.Memory != 512*MiB || n.Disk != TiB {
		t.Errorf("node is %+v", n)
	}
	if s := c.SSH; s.User != "admin" || s.Port != 2222 || len(s.AllowFrom) != 2 {
		t.Errorf("ssh is %+v", s)
	}
	if p := c.Provider.Proxmox; p.Bridge != "vmbr1" || p.VLAN != 7 || p.VMIDs.Len() != 2 || p.Storage.ISO != "nfs" {
		t.Errorf("proxmox is %+v", p)
	}
}

func TestLoadFindsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "proxmox.yaml")
	f.replace("10.0.0.12", "10.0.1.12", "gateway: 10.0.0.1\n", "gatewya: 10.0.0.1\n", "name: home", "name: Home", "    node: pve\n", "    node: 7\n")
	f.write("services/git.yaml", strings.Replace(testdata(t, "service.yaml"), "kind: Service", "kind: Servant", 1), 0o644)
	f.write("services/old.yml", "", 0o644)
	f.write("services/bad.yaml", "a: [", 0o644)
	f.expect(
		"k3sedge.yaml:3: name: not a DNS label",
		"k3sedge.yaml:12: provider.proxmox.node: text is expected here, not this number",
		"k3sedge.yaml:18: network.gatewya: unknown key",
		"k3sedge.yaml:28: nodes[1].address: not inside 10.0.0.0/24",
		"services/bad.yaml:1: not valid YAML: did not find expected node content",
		"services/git.yaml:2: kind: not Service",
		"services/old.yml: would be passed over",
	)
	_, err := f.load()
	var p Problem
	if !errors.As(err, &p) || p.File == "" {
		t.Errorf("errors.As finds no single problem in %v", err)
	}
}

func TestLoadUnreadable(t *testing.T) {
	t.Parallel()
	missing := newFolder(t, "existing.yaml")
	if err := os.Remove(filepath.Join(missing.path, "k3sedge.yaml")); err != nil {
		t.Fatal(err)
	}
	missing.expect("k3sedge.yaml: no such file or directory")
	if _, err := missing.load(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load: %v, want fs.ErrNotExist", err)
	}
	directory := newFolder(t, "existing.yaml")
	if err := os.MkdirAll(filepath.Join(directory.path, "services/git.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	directory.expect("services/git.yaml: is not a regular file")

	file := newFolder(t, "existing.yaml")
	file.write("services", "not a folder", 0o644)
	file.expect("services: not a directory")
	if p, err := Load(filepath.Join(file.path, "no", "k3sedge.yaml")); err == nil {
		t.Errorf("Load: %+v, want an error", p)
	}
}

func TestLoadTooLarge(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.write("k3sedge.yaml", strings.Repeat("#\n", maxFile), 0o644)
	f.expect("k3sedge.yaml:1: larger than 256 KiB")
	f.write("k3sedge.yaml", strings.Repeat("#\n", 4*maxFile), 0o644)
	f.expect("k3sedge.yaml: is too large")
}

// The problems of a project that was not loaded have no lines.
func TestValidate(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "proxmox.yaml")
	f.write("services/git.yaml", testdata(t, "service.yaml"), 0o644)
	p := f.mustLoad()
	if err := Validate(p); err != nil {
		t.Errorf("validate what was loaded: %v", err)
	}
	p.Cluster.Nodes[1].Name = "edge-1"
	p.Services[0].Host = ""
	err := Validate(p)
	want := "k3sedge.yaml: nodes[1].name: the same as nodes[0].name\nservices/git.yaml: host: is missing"
	if err == nil || err.Error() != want {
		t.Errorf("validate: %v, want %s", err, want)
	}
	if err := Validate(Project{}); err == nil {
		t.Error("an empty project is valid")
	}
}
