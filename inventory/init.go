package inventory

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"

	"go.yaml.in/yaml/v3"
)

// InitOptions is what `k3sedge init` knows. What is left out is written as an
// empty value, which Load then reports with the line to fill in.
type InitOptions struct {
	Name string
	// ID is the mark of the cluster's VMs. NewID makes one up.
	ID      string
	Proxmox *InitProxmox // nil for existing machines

	CIDR      netip.Prefix
	Gateway   netip.Addr
	Addresses []netip.Addr // of the nodes; the first is the server

	User           string
	Identities     []string
	Agent          bool
	AuthorizedKeys []string // public keys, or file:PATH

	MachinesOnly bool     // leaves out K3s and the edge
	K3sVersion   string   // "" leaves it to the version of k3sedge
	Edge         EdgeMode // "" for lan
	// Zones at Cloudflare, in which services get names and certificates; with
	// none both are the user's.
	Zones []string
}

// InitProxmox is what `k3sedge init` knows of a Proxmox host.
type InitProxmox struct {
	Endpoint       string
	TLSPin, CAFile string // one of the two
	TokenID        string
	TokenSecret    SecretRef
	Node           string
	Pool           string
	// Image is pinned by its checksum, so both parts belong together.
	// Template, where it is set, takes its place.
	Image    Image
	Template int
}

var errNoAddresses = errors.New("no address for a node")

// NewID makes up a random UUID.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails; it ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Init writes a commented cluster file.
func Init(o InitOptions) ([]byte, error) {
	if len(o.Addresses) == 0 {
		return nil, withHint(fmt.Errorf("write the cluster's file: %w", errNoAddresses), "name the nodes' addresses, the server first")
	}
	c := o.cluster()
	Default(&c)
	data, err := commented(c, comments(c), "The machines of one k3sedge cluster. k3sedge up makes them so, as often as you like;\n"+
		"k3sedge up --plan shows what it would change. Services stand in services/NAME.yaml.\n"+
		"No secret belongs in this file: write env:NAME, file:PATH or cmd:COMMAND instead.\n"+
		"Relative paths start at the folder of this file, ~/ at your home.")
	if err != nil {
		return nil, fmt.Errorf("write the cluster's file: %w", err)
	}
	return data, nil
}

// commented encodes v, with the texts at the paths of their fields.
func commented(v any, texts map[string]string, head string) ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(v); err != nil {
		return nil, err
	}
	for path, text := range texts {
		annotate(&root, path, text)
	}
	root.HeadComment = head
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&root), encoder.Close()); err != nil {
		return nil, err
	}
	return spaced(out.Bytes()), nil
}

// spaced puts an empty line before each comment at the margin: the encoder
// knows no empty lines.
func spaced(text []byte) []byte {
	var out bytes.Buffer
	margin := true // whether the line before was such a comment
	for line := range bytes.Lines(text) {
		if comment := line[0] == '#'; comment != margin {
			if comment || out.Len() > 0 && bytes.HasPrefix(line, []byte("apiVersion:")) {
				out.WriteByte('\n')
			}
			margin = comment
		}
		out.Write(line)
	}
	return out.Bytes()
}

func (o InitOptions) cluster() Cluster {
	c := Cluster{
		APIVersion: APIVersion, Kind: "Cluster", Name: or(o.Name, "edge"), ID: or(o.ID, NewID()),
		Network: Network{CIDR: o.CIDR, Gateway: o.Gateway},
		SSH:     SSH{User: o.User, Identities: o.Identities, Agent: o.Agent, AuthorizedKeys: o.AuthorizedKeys},
	}
	if !o.MachinesOnly {
		c.K3s, c.Edge = &K3s{Version: o.K3sVersion}, &Edge{Mode: o.Edge}
		if len(o.Zones) > 0 {
			c.Edge.Cloudflare, c.Edge.Certificates = &Cloudflare{Token: "env:K3SEDGE_CF_TOKEN", Zones: o.Zones}, &Certificates{}
		}
	}
	for i, a := range o.Addresses {
		c.Nodes = append(c.Nodes, Node{Name: fmt.Sprintf("%s-%d", c.Name, i+1), Address: a})
	}
	p := o.Proxmox
	if p == nil {
		c.Provider.Existing = &Existing{}
		return c
	}
	c.Provider.Proxmox = &Proxmox{
		Endpoint: p.Endpoint, TLSPin: p.TLSPin, CAFile: p.CAFile, Node: or(p.Node, "pve"), Pool: or(p.Pool, "k3sedge"), Template: p.Template,
		Token: Token{ID: or(p.TokenID, "k3sedge@pve!edge"), Secret: or(p.TokenSecret, "env:K3SEDGE_PVE_TOKEN")},
	}
	if p.Template == 0 {
		c.Provider.Proxmox.Image = &Image{URL: p.Image.URL, Checksum: p.Image.Checksum}
	}
	return c
}
