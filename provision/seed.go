package provision

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// userData is the part of cloud-init's user-data that we use.
type userData struct {
	Hostname       string      `yaml:"hostname"`
	ManageEtcHosts bool        `yaml:"manage_etc_hosts"` // without it every sudo waits for DNS
	Locale         string      `yaml:"locale"`
	Users          []cloudUser `yaml:"users"`
	SSHPasswords   bool        `yaml:"ssh_pwauth"`
	DisableRoot    bool        `yaml:"disable_root"`
	SSHKeys        hostKeys    `yaml:"ssh_keys"`
	SSHDeleteKeys  bool        `yaml:"ssh_deletekeys"`
	PackageUpdate  bool        `yaml:"package_update"` // minutes, and a race for dpkg's lock
	PackageUpgrade bool        `yaml:"package_upgrade"`
	GrowPart       growPart    `yaml:"growpart"`
}

type cloudUser struct {
	Name           string   `yaml:"name"`
	Shell          string   `yaml:"shell"`
	Sudo           string   `yaml:"sudo"`
	LockPassword   bool     `yaml:"lock_passwd"`
	AuthorizedKeys []string `yaml:"ssh_authorized_keys"`
}

type hostKeys struct {
	Private string `yaml:"ed25519_private"`
	Public  string `yaml:"ed25519_public"`
}

type growPart struct {
	Mode    string   `yaml:"mode"`
	Devices []string `yaml:"devices"`
}

// metaData has an instance-id that never changes: a new one would make
// cloud-init delete the host keys at the next boot.
type metaData struct {
	InstanceID string `yaml:"instance-id"`
	Hostname   string `yaml:"local-hostname"`
}

type networkConfig struct {
	Version   int                 `yaml:"version"`
	Ethernets map[string]ethernet `yaml:"ethernets"`
}

type ethernet struct {
	// Match goes by name: netplan turns a MAC into PermanentMACAddress, which
	// not every virtual card has. Our VMs have exactly one card.
	Match       nameMatch   `yaml:"match"`
	DHCP4       bool        `yaml:"dhcp4"`
	DHCP6       bool        `yaml:"dhcp6"`
	AcceptRA    bool        `yaml:"accept-ra"` // else the boot waits for a router advertisement
	Addresses   []string    `yaml:"addresses"`
	Routes      []route     `yaml:"routes"`
	Nameservers nameservers `yaml:"nameservers"`
}

type nameMatch struct {
	Name string `yaml:"name"`
}

type route struct {
	To  string `yaml:"to"`
	Via string `yaml:"via"`
}

type nameservers struct {
	Addresses []netip.Addr `yaml:"addresses,flow"`
}

// seedISO builds the NoCloud seed of a node's VM.
func seedISO(c inventory.Cluster, n inventory.Node, key machine.HostKey, made time.Time) ([]byte, error) {
	if len(c.SSH.AuthorizedKeys) == 0 {
		return nil, machine.WithHint(errNoKeys, "add a public key to ssh.authorizedKeys, or nobody could log in")
	}
	user, err := yaml.Marshal(userDataFor(c, n, key))
	if err != nil {
		return nil, fmt.Errorf("write user-data: %w", err)
	}
	meta, err := yaml.Marshal(metaData{InstanceID: "k3sedge-" + mark{c.ID, n.Name}.hash(), Hostname: n.Name})
	if err != nil {
		return nil, fmt.Errorf("write meta-data: %w", err)
	}
	network, err := yaml.Marshal(networkFor(c.Network, n))
	if err != nil {
		return nil, fmt.Errorf("write network-config: %w", err)
	}
	return buildISO("cidata", made, []isoFile{
		{"user-data", append([]byte("#cloud-config\n"), user...)},
		{"meta-data", meta},
		{"network-config", network},
	})
}

// blankISO takes the place of a seed that has done its work.
func blankISO(made time.Time) ([]byte, error) {
	return buildISO("k3sedge-blank", made, nil)
}

func userDataFor(c inventory.Cluster, n inventory.Node, key machine.HostKey) userData {
	return userData{
		Hostname:       n.Name,
		ManageEtcHosts: true,
		Locale:         "C.UTF-8",
		Users: []cloudUser{{
			Name: c.SSH.User, Shell: "/bin/bash", Sudo: "ALL=(ALL) NOPASSWD:ALL",
			LockPassword: true, AuthorizedKeys: c.SSH.AuthorizedKeys,
		}},
		DisableRoot:   true,
		SSHKeys:       hostKeys{Private: key.PrivatePEM, Public: key.Public},
		SSHDeleteKeys: true,
		GrowPart:      growPart{Mode: "auto", Devices: []string{"/"}},
	}
}

func networkFor(net inventory.Network, n inventory.Node) networkConfig {
	everywhere := "0.0.0.0/0"
	if net.Gateway.Is6() {
		everywhere = "::/0"
	}
	lan := ethernet{
		Match:       nameMatch{"e*"},
		Addresses:   []string{netip.PrefixFrom(n.Address, net.CIDR.Bits()).String()},
		Routes:      []route{{To: everywhere, Via: net.Gateway.String()}},
		Nameservers: nameservers{net.DNS},
	}
	if six := net.IPv6; six != nil && n.Address6 != nil {
		lan.Addresses = append(lan.Addresses, netip.PrefixFrom(*n.Address6, six.CIDR.Bits()).String())
		if six.Gateway.IsValid() {
			lan.Routes = append(lan.Routes, route{To: "::/0", Via: six.Gateway.String()})
		}
	}
	return networkConfig{Version: 2, Ethernets: map[string]ethernet{"lan": lan}}
}

// errNoKeys is a seed that would lock everybody out.
var errNoKeys = errors.New("ssh.authorizedKeys: no key")
