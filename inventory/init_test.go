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

	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

func initOptions(provider string) InitOptions {
	o := InitOptions{
		Name: "home", ID: "0b6f5a0e-6f0a-4a53-9d0f-7d0e6a3c1b2a", User: "admin",
		CIDR: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1"),
		Addresses:  []netip.Addr{netip.MustParseAddr("10.0.0.11"), netip.MustParseAddr("10.0.0.12")},
		Identities: []string{"~/.ssh/id"}, AuthorizedKeys: []string{"file:keys/admin.pub"},
		K3sVersion: "v1.35.5+k3s1",
	}
	proxmox := InitProxmox{
		Endpoint: "https://pve.lan:8006", TLSPin: "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		Image: Image{
			URL:      "https://images.lan/bookworm/20250814/debian-12.qcow2",
			Checksum: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		},
	}
	switch provider {
	case "proxmox":
		o.Proxmox = &proxmox
	case "template":
		proxmox.Template, proxmox.TLSPin, proxmox.CAFile = 9000, "", "ca.pem"
		o.Proxmox, o.Agent, o.Identities = &proxmox, true, nil
	}
	return o
}

func TestInit(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"proxmox", "template", "existing"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			data, err := Init(initOptions(provider))
			if err != nil {
				t.Fatal(err)
			}
			goldenfile.Compare(t, filepath.Join("testdata", "init-"+provider+".golden.yaml"), data, *update)
			f := newFolder(t, "existing.yaml")
			f.write("k3sedge.yaml", string(data), 0o644)
			f.write("ca.pem", certificate(t), 0o644)
			c := f.mustLoad().Cluster
			if c.Nodes[0].Role != Server || c.Nodes[1].Role != Agent || (c.Provider.Proxmox != nil) != (provider != "existing") ||
				c.K3s.Version != "v1.35.5+k3s1" || c.K3s.PodCIDR.Bits() != 16 || c.Edge.TunnelRateLimit != "50/s:100" {
				t.Errorf("what was written is read back as %+v", c)
			}
			for path := range comments(c) {
				if !strings.Contains(string(data), strings.SplitN(strings.TrimPrefix(comments(c)[path], "\n"), "\n", 2)[0]) && !leftOut(provider, path) {
					t.Errorf("the comment at %s is lost", path)
				}
			}
		})
	}
}

// leftOut lists the fields that a provider's file does not have.
func leftOut(provider, path string) bool {
	absent := map[string]string{
		"proxmox":  "provider.proxmox.caFile provider.proxmox.template",
		"template": "provider.proxmox.tlsPin provider.proxmox.image provider.proxmox.image.checksum ssh.identities",
	}
	return strings.Contains(" "+absent[provider]+" ", " "+path+" ")
}

func TestInitOfTheEdge(t *testing.T) {
	t.Parallel()
	for _, o := range []InitOptions{{Edge: EdgeTunnel}, {Edge: EdgeTunnel, Zones: []string{"example.org"}}, {MachinesOnly: true}} {
		c := o.cluster()
		Default(&c)
		if o.MachinesOnly && (c.K3s != nil || c.Edge != nil) || !o.MachinesOnly && (c.K3s == nil || c.Edge.Mode != EdgeTunnel) {
			t.Errorf("%+v: %+v, %+v", o, c.K3s, c.Edge)
		}
		data, err := Init(InitOptions{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.11")}, Edge: o.Edge, Zones: o.Zones, MachinesOnly: o.MachinesOnly})
		if err != nil {
			t.Fatal(err)
		}
		if asked := strings.Contains(string(data), "# Who signs for the services."); asked != (len(o.Zones) > 0) {
			t.Errorf("%+v: certificates %t in\n%s", o, asked, data)
		}
	}
}

// What init does not know is reported with the line to fill in.
func TestInitLeavesBlanks(t *testing.T) {
	t.Parallel()
	data, err := Init(InitOptions{Proxmox: &InitProxmox{}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.11")}})
	if err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, "existing.yaml")
	f.write("k3sedge.yaml", string(data), 0o644)
	var paths []string
	for _, p := range f.problems() {
		paths = append(paths, strings.SplitN(p, ": ", 3)[1])
	}
	want := []string{"provider.proxmox.tlsPin", "provider.proxmox.endpoint", "provider.proxmox.image.url", "provider.proxmox.image.checksum",
		"network.cidr", "network.gateway", "ssh.identities", "ssh.authorizedKeys"}
	if !reflect.DeepEqual(paths, want) {
		t.Errorf("problems at %v, want %v", paths, want)
	}
	if _, err := Init(InitOptions{}); !errors.Is(err, errNoAddresses) || hintOf(err) == "" {
		t.Errorf("init without addresses: %v", err)
	}
}

func TestNewID(t *testing.T) {
	t.Parallel()
	a, b := NewID(), NewID()
	if a == b || !uuidForm.MatchString(a) || a[14] != '4' {
		t.Errorf("IDs are %s and %s", a, b)
	}
}

func TestSaveNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "k3sedge.yaml")
	if err := SaveNew(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	err := SaveNew(path, []byte("two"))
	if !errors.Is(err, fs.ErrExist) || hintOf(err) == "" {
		t.Errorf("second write: %v, want fs.ErrExist with a hint", err)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "one" {
		t.Errorf("file holds %q, %v", data, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if err := SaveNew(filepath.Join(path, "below", "a-file"), nil); err == nil {
		t.Error("wrote below a file")
	}
	if err := SaveNew(dir, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("write over a folder: %v, want fs.ErrExist", err)
	}
	if err := SaveNew(filepath.Join(dir, strings.Repeat("x", 300)), nil); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("write to an impossible name: %v", err)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	p := places{folder: "dir", home: "/home/me"}
	for path, want := range map[string]string{
		"": "", "~": "/home/me", "~/a": "/home/me/a", "~you/a": "dir/~you/a", "a/../b": "dir/b", "/a//b": "/a/b", "../c": "c",
	} {
		if got := p.expand(path); got != want {
			t.Errorf("expand(%q) is %q, want %q", path, got, want)
		}
	}
	if got := (places{folder: "dir"}).expand("~/a"); got != "dir/~/a" {
		t.Errorf("without a home it is %q", got)
	}
	secret := SecretRef("file:p")
	c := Cluster{
		K3s:      &K3s{Bundle: "../b", Binary: "file:k3s"},
		SSH:      SSH{Passphrase: &secret, AuthorizedKeys: []string{"ssh-ed25519 x", "file:~/k"}},
		Provider: Provider{Proxmox: &Proxmox{CAFile: "ca", Token: Token{Secret: "cmd:file:x"}}},
	}
	p.expandAll(&c)
	if secret != "file:dir/p" || c.SSH.AuthorizedKeys[0] != "ssh-ed25519 x" || c.SSH.AuthorizedKeys[1] != "file:/home/me/k" ||
		c.Provider.Proxmox.CAFile != "dir/ca" || c.Provider.Proxmox.Token.Secret != "cmd:file:x" ||
		c.K3s.Bundle != "b" || c.K3s.Binary != "file:dir/k3s" {
		t.Errorf("expanded to %+v, %s", c, secret)
	}
}
