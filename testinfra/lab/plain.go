//go:build linux

package lab

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// politeStop is how long a restart waits before it takes the power away.
const politeStop = 10 * time.Second

// politeWholeStop is that of a whole machine, which may be emulated.
const politeWholeStop = time.Minute

// Plain is a Debian machine that somebody made by hand.
type Plain struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// Address6 is one of IPv6, if it is to have one.
	Address6 string `json:"address6,omitempty"`
	User     string `json:"user"`
	// AuthorizedKeys may log in as User, who has sudo without a password.
	AuthorizedKeys []string `json:"authorizedKeys"`
	// HostKey is the machine's, in the form that OpenSSH keeps; without one it
	// makes its own.
	HostKey, HostKeyPublic string `json:"-"`
}

// check refuses what would not boot into a machine on the LAN.
func (p Plain) check() error {
	if !machineForm.MatchString(p.Name) || p.Name[0] <= '9' {
		return machine.WithHint(fmt.Errorf("name of the machine %q: not a host name", p.Name), "a number is a VM of the Proxmox stand-in")
	}
	a, err := netip.ParseAddr(p.Address)
	lan := netip.MustParsePrefix(Network)
	taken := append([]string{GatewayIP, OperatorIP, HypervisorIP, WebIP, CloudflareIP, AcmeIP, StrangerIP}, backendIPs()...)
	if err != nil || !lan.Contains(a) || slices.Contains(taken, p.Address) {
		err := fmt.Errorf("address of the machine %q: not a free one in %s", p.Address, Network)
		return machine.WithHint(err, "for example 10.77.0.21")
	}
	if p.User == "" || len(p.AuthorizedKeys) == 0 {
		return errors.New("the machine has no user or no key: nobody could log in")
	}
	return nil
}

// seed makes the first-boot configuration of the machine.
func (p Plain) seed() (seed, error) {
	user := map[string]any{
		"hostname": p.Name, "manage_etc_hosts": true, "locale": "C.UTF-8",
		"users": []map[string]any{{
			"name": p.User, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL", "lock_passwd": true,
			"ssh_authorized_keys": p.AuthorizedKeys,
		}},
	}
	if p.HostKey != "" {
		user["ssh_deletekeys"], user["ssh_genkeytypes"] = true, []string{"ed25519"}
		user["ssh_keys"] = map[string]string{"ed25519_private": p.HostKey, "ed25519_public": p.HostKeyPublic}
	}
	addresses := []string{p.Address + prefixLength}
	if p.Address6 != "" {
		addresses = append(addresses, p.Address6+prefixLength6)
	}
	network := map[string]any{"version": 2, "ethernets": map[string]any{"lan": map[string]any{
		"match": map[string]any{"name": "e*"}, "dhcp4": false, "accept-ra": false,
		"addresses": addresses,
		"routes":    []map[string]any{{"to": "default", "via": GatewayIP}}, "nameservers": map[string]any{"addresses": []string{CloudflareIP}},
	}}}
	meta := map[string]any{"instance-id": "plain-" + p.Name, "local-hostname": p.Name}
	out := seed{}
	for name, document := range map[string]any{"user-data": user, "meta-data": meta, "network-config": network} {
		data, err := yaml.Marshal(document)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
		out[name] = data
	}
	out["user-data"] = append([]byte("#cloud-config\n"), out["user-data"]...)
	return out, nil
}

// MAC makes a machine's address on the wire from its name.
func (p Plain) MAC() string {
	sum := sha256.Sum256([]byte(p.Name))
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", sum[0], sum[1], sum[2])
}

// addPlain boots a machine that Proxmox knows nothing of.
func (f *fleet) addPlain(ctx context.Context, p Plain, disk string) error {
	if err := p.check(); err != nil {
		return err
	}
	s, err := p.seed()
	if err != nil {
		return err
	}
	return f.start(ctx, spec{
		ID: p.Name, Name: p.Name, Disk: disk, MAC: p.MAC(), Seed: s,
		Cores: plainCores, MemoryMB: plainMemory, DiskSize: plainDisk,
	})
}

// restart restarts a machine by number or name, from the disc that is in its
// drive now.
func (f *fleet) restart(ctx context.Context, name string) error {
	r := f.find(name)
	if r == nil {
		return machine.WithHint(fmt.Errorf("restart %s: no such machine runs", name), "k3sedge-lab status")
	}
	patience := politeStop
	if f.lab.whole {
		patience = politeWholeStop
	}
	polite, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := f.stop(polite, r.spec.ID, false); err != nil {
		if err := f.stop(ctx, r.spec.ID, true); err != nil {
			return err
		}
	}
	s := r.spec
	s.ISOs = slices.DeleteFunc(slices.Clone(s.ISOs), func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, os.ErrNotExist)
	})
	return f.start(ctx, s)
}

// find is the running machine of that number or name.
func (f *fleet) find(name string) *running {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, r := range f.runs {
		if id == name || r.spec.Name == name {
			return r
		}
	}
	return nil
}
