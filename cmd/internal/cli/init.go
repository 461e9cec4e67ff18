package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// initOptions are the flags of `k3sedge init`.
type initOptions struct {
	file, proxmox, tlsPin, identity string
	existing                        bool
	cidr, gateway                   string
	addresses                       []string
	write                           inventory.InitOptions
	pve                             inventory.InitProxmox
}

func newInitCommand(s Streams) *cli.Command {
	image := provision.DebianImage()
	return command(cli.Command{
		Name: "init", Usage: "write a commented k3sedge.yaml",
		Description: `With --proxmox the server's certificate is shown: compare the fingerprint with
the one in the web interface (node, System, Certificates). What is stored is
the hash of its public key, and no other server is talked to from then on.
With --existing the file is for Debian machines that are already there.
What is written has K3s with Traefik on all nodes; --machines-only leaves that out.`,
		Flags: []cli.Flag{
			fileFlag(),
			&cli.StringFlag{Name: "proxmox", Usage: "`URL` of the Proxmox server, such as https://pve.lan:8006"},
			&cli.StringFlag{Name: "tls-pin", Usage: "the `sha256/…` you expect of the server; no question is asked if it is that one"},
			switchFlag("existing", "the machines run Debian already and are not made"),
			&cli.StringFlag{Name: "name", Value: "edge", DefaultText: "edge", Usage: "`NAME` of the cluster, and of its nodes with a number"},
			&cli.StringFlag{Name: "cidr", Value: "192.168.1.0/24", DefaultText: "192.168.1.0/24", Usage: "the LAN's `NETWORK`"},
			&cli.StringFlag{Name: "gateway", Usage: "the LAN's gateway `ADDRESS` (default: the network's first address)"},
			&cli.StringSliceFlag{Name: "address", Usage: "`ADDRESS` of a node, the server first; repeat it (default: the network's 11th and 12th)"},
			choiceFlag("edge", "the `WAY` in from the internet", string(inventory.EdgeLAN), string(inventory.EdgePortForward), string(inventory.EdgeTunnel)),
			&cli.StringSliceFlag{Name: "zone", Usage: "your `DOMAIN` at Cloudflare, for records and certificates of services; may be repeated"},
			switchFlag("machines-only", "hardened machines without K3s"),
			&cli.StringFlag{Name: "user", Usage: "the admin `USER` on the nodes (default: k3sedge)"},
			&cli.StringFlag{Name: "identity", Usage: "`FILE` of your private SSH key, its .pub beside it (default: the first of ~/.ssh/id_ed25519, id_ecdsa, id_rsa)"},
			&cli.StringFlag{Name: "pve-node", Usage: "`NAME` of the Proxmox node (default: pve)"},
			&cli.StringFlag{Name: "token-id", Usage: "the API token's `ID`, user@realm!name (default: k3sedge@pve!edge)"},
			&cli.StringFlag{Name: "image-url", Value: image.URL, DefaultText: "a dated image of Debian 12", Usage: "`URL` of the cloud image"},
			&cli.StringFlag{Name: "image-checksum", Value: image.Checksum, DefaultText: "that of the default image", Usage: "its `CHECKSUM`, sha512:… or sha256:…"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			for _, flag := range []string{"edge", "zone"} {
				if c.IsSet(flag) && c.Bool("machines-only") {
					return usagef("leave one of them out", "--machines-only has no edge, which --%s is for", flag)
				}
			}
			return runInit(c.Context, s, initFlags(c))
		},
	}, "", `k3sedge init --proxmox https://pve.lan:8006 --cidr 10.0.0.0/24
k3sedge init --proxmox https://pve.lan:8006 --edge tunnel --zone example.org
k3sedge init --existing --address 10.0.0.11 --address 10.0.0.12`)
}

func initFlags(c *cli.Context) initOptions {
	return initOptions{
		file: c.String("file"), proxmox: c.String("proxmox"), tlsPin: c.String("tls-pin"), existing: c.Bool("existing"),
		identity: c.String("identity"), cidr: c.String("cidr"), gateway: c.String("gateway"), addresses: c.StringSlice("address"),
		write: inventory.InitOptions{
			Name: c.String("name"), User: c.String("user"), MachinesOnly: c.Bool("machines-only"),
			K3sVersion: release.Default(), Edge: inventory.EdgeMode(c.String("edge")), Zones: c.StringSlice("zone"),
		},
		pve: inventory.InitProxmox{
			Endpoint: c.String("proxmox"), Node: c.String("pve-node"), TokenID: c.String("token-id"),
			Image: inventory.Image{URL: c.String("image-url"), Checksum: c.String("image-checksum")},
		},
	}
}

func runInit(ctx context.Context, s Streams, o initOptions) error {
	if (o.proxmox == "") == !o.existing {
		return usagef("for example k3sedge init --proxmox https://pve.lan:8006", "init takes either --proxmox URL or --existing")
	}
	if _, err := os.Lstat(o.file); err == nil {
		return usagef("name another file with --file, or change that one by hand", "%s is there already: nothing was written", o.file)
	}
	if err := o.addressing(); err != nil {
		return err
	}
	if err := o.keys(); err != nil {
		return err
	}
	if o.proxmox != "" {
		pin, err := askPin(ctx, s, o)
		if err != nil {
			return err
		}
		o.pve.TLSPin, o.write.Proxmox = pin, &o.pve
	}
	data, err := inventory.Init(o.write)
	if err != nil {
		return err
	}
	if err := inventory.SaveNew(o.file, data); err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "wrote %s: go through it, then run k3sedge up --plan\n", o.file)
	if _, err := inventory.Load(o.file); err != nil {
		fmt.Fprintln(s.Err, "these have to be filled in first:")
		return err
	}
	return nil
}

// The nodes' default places in the network, behind what routers take first.
const firstNode, defaultNodes = 11, 2

// addressing reads the network and derives what was left out.
func (o *initOptions) addressing() error {
	cidr, err := netip.ParsePrefix(o.cidr)
	if err != nil || !cidr.Addr().Is4() {
		return usagef("give the LAN's network like --cidr 192.168.1.0/24", "--cidr %q: not an IPv4 network", o.cidr)
	}
	o.write.CIDR = cidr.Masked()
	o.write.Gateway = nth(o.write.CIDR, 1)
	if o.gateway != "" {
		if o.write.Gateway, err = netip.ParseAddr(o.gateway); err != nil {
			return usagef("give the address of the LAN's router like --gateway 192.168.1.1", "--gateway %q: not an address", o.gateway)
		}
	}
	for _, text := range o.addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return usagef("give a node's address like --address 192.168.1.11", "--address %q: not an address", text)
		}
		o.write.Addresses = append(o.write.Addresses, a)
	}
	for i := 0; len(o.addresses) == 0 && i < defaultNodes; i++ {
		o.write.Addresses = append(o.write.Addresses, nth(o.write.CIDR, firstNode+i))
	}
	return nil
}

// nth is the network's n-th address.
func nth(p netip.Prefix, n int) netip.Addr {
	a := p.Addr()
	for range n {
		a = a.Next()
	}
	return a
}

var errNoIdentity = errors.New("no SSH key found in ~/.ssh")

// keyFile is where a private key is, and how the cluster's file names it.
type keyFile struct{ path, name string }

// keyFiles are the places of the user's key pair, the first that exists counts.
func (o *initOptions) keyFiles() ([]keyFile, error) {
	if o.identity != "" {
		// A relative path in the file would start at the folder of the file.
		path, err := filepath.Abs(o.identity)
		return []keyFile{{path, path}}, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("find the home folder: %w", err)
	}
	var files []keyFile
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		files = append(files, keyFile{filepath.Join(home, ".ssh", name), "~/.ssh/" + name})
	}
	return files, nil
}

// keys finds the user's key pair.
func (o *initOptions) keys() error {
	files, err := o.keyFiles()
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := os.Stat(f.path + ".pub"); err != nil {
			continue
		}
		o.write.AuthorizedKeys = []string{"file:" + f.name + ".pub"}
		if _, err := os.Stat(f.path); err == nil {
			o.write.Identities = []string{f.name}
		} else {
			o.write.Agent = true // only the public half is here: an agent or a hardware key has the other
		}
		return nil
	}
	hint := "make one with ssh-keygen -t ed25519, or name it with --identity"
	if o.identity != "" {
		return usagef(hint, "--identity %s: there is no %s.pub", o.identity, o.identity)
	}
	return usageError{machine.WithHint(errNoIdentity, "%s", hint)}
}

// askPin shows who answers at the address and has the user compare it.
func askPin(ctx context.Context, s Streams, o initOptions) (string, error) {
	id, err := provision.ServerPin(ctx, o.proxmox)
	if err != nil && machine.StateOf(err) == "" {
		return "", usageError{err} // nobody was asked: the address itself is wrong
	}
	if err != nil {
		return "", machine.WithHint(err, "is Proxmox up, and does its web interface answer at %s?", o.proxmox)
	}
	if o.tlsPin != "" {
		if o.tlsPin != id.Pin {
			return "", machine.WithHint(fmt.Errorf("%s shows %s, not %s: nothing was written", o.proxmox, id.Pin, o.tlsPin), "somebody else answers there, or the server has a new key; compare its fingerprint again")
		}
		return id.Pin, nil
	}
	fmt.Fprintf(s.Err, "%s shows the certificate\n  subject      %s\n  fingerprint  %s\n  valid until  %s\n  public key   %s\n",
		o.proxmox, id.Subject, id.LeafSHA256, id.NotAfter.Format("2006-01-02"), id.Pin)
	yes, err := confirm(ctx, s, "is this the fingerprint in the web interface? (yes/no)", "yes")
	if errors.Is(err, errNoAnswer) {
		return "", usagef("give the public key's hash that you compared with --tls-pin "+id.Pin, "%w", err)
	}
	if err != nil {
		return "", err
	}
	if !yes {
		return "", errors.New("not confirmed: nothing was written")
	}
	return id.Pin, nil
}
