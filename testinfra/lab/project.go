//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// The files of a project beside k3sedge.yaml.
const (
	identityFile = "id_ed25519"
	tokenFile    = "proxmox-token"
	labCAFile    = "lab-ca.pem"
)

// K3sVersion is what the lab's K3s calls itself; see testinfra/labk3s.
const K3sVersion = "v1.35.4+lab1"

// Project writes a project for this lab into a folder: two machines, a key of
// its own and the token. It overwrites nothing.
func (l *Lab) Project(ctx context.Context, dir string) (inventory.Cluster, error) {
	return l.project(ctx, dir, func(*inventory.Cluster) {})
}

// ExistingProject writes a project for machines that Proxmox knows nothing of,
// and for the LAN alone. k3s overrules what the lab's bundle says of K3s.
func (l *Lab) ExistingProject(ctx context.Context, dir string, k3s *inventory.K3s, machines ...Plain) (inventory.Cluster, error) {
	return l.project(ctx, dir, func(c *inventory.Cluster) {
		c.Provider = inventory.Provider{Existing: &inventory.Existing{}}
		c.Nodes = nil
		if k3s != nil {
			c.K3s = k3s
		}
		if c.K3s != nil {
			c.Edge = &inventory.Edge{Mode: inventory.EdgeLAN}
		}
		for i, m := range machines {
			n := inventory.Node{Name: m.Name, Role: inventory.Agent, Address: netip.MustParseAddr(m.Address), HostKey: m.HostKeyPublic}
			if i == 0 {
				n.Role = inventory.Server
			}
			if m.Address6 != "" {
				six := netip.MustParseAddr(m.Address6)
				n.Address6, c.Network.IPv6 = &six, &inventory.Network6{CIDR: netip.MustParsePrefix(Network6)}
			}
			c.Nodes = append(c.Nodes, n)
		}
	})
}

// project writes a project that is as the lab's, but for a change.
func (l *Lab) project(ctx context.Context, dir string, change func(*inventory.Cluster)) (inventory.Cluster, error) {
	s, err := l.Status(ctx)
	if err != nil {
		return inventory.Cluster{}, err
	}
	if !s.Up {
		err := fmt.Errorf("lab %s is not up", l.plan.name)
		return inventory.Cluster{}, machine.WithHint(err, "k3sedge-lab --name %s up", l.plan.name)
	}
	secret, err := l.tokenSecret()
	if err != nil {
		return inventory.Cluster{}, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return inventory.Cluster{}, fmt.Errorf("find folder: %w", err)
	}
	private, public, err := newIdentity(ctx, l.plan.name)
	if err != nil {
		return inventory.Cluster{}, err
	}
	c := cluster(s, strings.TrimSpace(string(public)), dir)
	if l.bundle != "" {
		c.K3s = &inventory.K3s{Version: K3sVersion, Bundle: l.bundle}
		c.Edge = &inventory.Edge{Mode: inventory.EdgeTunnel}
	}
	if s.Kind == MachinesLibvirt { // containers have the clock of the machine below
		clock := c.Waivers[0]
		clock.ID, clock.Reason = "LOG-02", "the machines of the lab reach no time server"
		c.Waivers = append(c.Waivers, clock)
	}
	change(&c)
	files := map[string][]byte{identityFile: private, identityFile + ".pub": public, tokenFile: []byte(secret + "\n")}
	if l.cloud && c.Edge != nil {
		if err := l.atCloudflare(c.Edge, dir, files); err != nil {
			return inventory.Cluster{}, err
		}
	}
	if files["k3sedge.yaml"], err = encode(c); err != nil {
		return inventory.Cluster{}, fmt.Errorf("write project: %w", err)
	}
	return c, writeProject(dir, files)
}

// atCloudflare has a project keep its names at the lab's Cloudflare.
func (l *Lab) atCloudflare(e *inventory.Edge, dir string, files map[string][]byte) error {
	token, err := l.cloudToken()
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(l.CAFile())
	if err != nil {
		return fmt.Errorf("read the lab's CA: %w", err)
	}
	files[cloudTokenFile], files[labCAFile] = []byte(token+"\n"), authority
	e.Cloudflare = &inventory.Cloudflare{Token: inventory.SecretRef("file:" + filepath.Join(dir, cloudTokenFile)), Zones: []string{Zone}}
	e.Certificates = &inventory.Certificates{
		Issuer: inventory.IssuerACME, Directory: AcmeDirectory, CA: "file:" + filepath.Join(dir, labCAFile),
		Nameservers: []string{net.JoinHostPort(CloudflareIP, "53")},
		// Pebble takes any of its profiles for an order that names none, that of
		// three minutes among them.
		Profile: "default",
	}
	return nil
}

// cluster is the k3sedge.yaml of a lab.
func cluster(s Status, publicKey, dir string) inventory.Cluster {
	pve := proxmox()
	pve.TLSPin, pve.Image.Checksum = s.TLSPin, s.ImageChecksum
	pve.Token.Secret = inventory.SecretRef("file:" + filepath.Join(dir, tokenFile))
	nextYear, _ := inventory.ParseDate(time.Now().AddDate(1, 0, 0).Format(time.DateOnly)) // it is a day
	return inventory.Cluster{
		APIVersion: inventory.APIVersion, Kind: "Cluster", Name: s.Name, ID: uuid(),
		Provider: inventory.Provider{Proxmox: &pve},
		Network: inventory.Network{
			CIDR: netip.MustParsePrefix(Network), Gateway: netip.MustParseAddr(GatewayIP),
			DNS: []netip.Addr{netip.MustParseAddr(CloudflareIP)},
		},
		SSH: inventory.SSH{
			User: "admin", Port: 22, Identities: []string{filepath.Join(dir, identityFile)}, AuthorizedKeys: []string{publicKey},
			AllowFrom: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(OperatorIP), 32)},
		},
		Nodes: []inventory.Node{
			{Name: "edge-1", Role: inventory.Server, Address: netip.MustParseAddr("10.77.0.11")},
			{Name: "edge-2", Role: inventory.Agent, Address: netip.MustParseAddr("10.77.0.12")},
		},
		// What is not known of a machine that reaches no archive is no finding here.
		Waivers: []inventory.Waiver{{
			ID: "PKG-01", Node: inventory.AllNodes, Reason: "the machines of the lab reach no archive", Owner: "the lab", Expires: nextYear,
		}},
	}
}

// encode writes k3sedge.yaml. The encoder takes every address for an empty
// struct and leaves out a gateway that may be left out, so it is put back.
func encode(c inventory.Cluster) ([]byte, error) {
	var document yaml.Node
	if err := document.Encode(c); err != nil {
		return nil, err
	}
	network := value(&document, "network")
	if network != nil && value(network, "gateway") == nil {
		network.Content = append(network.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "gateway"},
			&yaml.Node{Kind: yaml.ScalarNode, Value: c.Network.Gateway.String()})
	}
	return yaml.Marshal(&document)
}

// value is what a key of a mapping stands for, or nil.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// writeProject writes the files of a project, or none if one is there.
func writeProject(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make project folder: %w", err)
	}
	for name := range files {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			err := fmt.Errorf("write project: %s is there already", filepath.Join(dir, name))
			return machine.WithHint(err, "choose an empty folder")
		}
	}
	for name, content := range files {
		if err := writeFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// newIdentity makes a key pair in the forms that OpenSSH keeps.
func newIdentity(ctx context.Context, comment string) (private, public []byte, err error) {
	dir, err := os.MkdirTemp("", "k3sedge-lab-")
	if err != nil {
		return nil, nil, fmt.Errorf("make identity: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, identityFile)
	if _, err := run(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path); err != nil {
		return nil, nil, fmt.Errorf("make identity: %w", err)
	}
	private, errPrivate := os.ReadFile(path)
	public, errPublic := os.ReadFile(path + ".pub")
	return private, public, errors.Join(errPrivate, errPublic)
}
