//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

const (
	resolvFile  = "etc/resolv.conf"
	bundleFile  = "etc/ssl/certs/ca-certificates.crt"
	extraCAFile = "usr/local/share/ca-certificates/k3sedge-lab.crt"
)

// furnish gives a machine at boot what its surroundings would: the resolver of
// its network configuration (systemd-networkd writes no file, and the image has
// nothing that does), and the lab's authority among those it trusts.
func furnish(root string, content seed, authority []byte) error {
	tree, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("furnish machine: %w", err)
	}
	defer tree.Close()
	if text := resolvConf(content["network-config"]); text != nil {
		if err := tree.Remove(resolvFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("furnish machine: %w", err)
		}
		if err := tree.WriteFile(resolvFile, text, 0o644); err != nil {
			return fmt.Errorf("furnish machine: %w", err)
		}
	}
	return trust(tree, authority)
}

// trust adds an authority to a machine's. A tree without any is left alone.
func trust(tree *os.Root, authority []byte) error {
	have, err := tree.ReadFile(bundleFile)
	if errors.Is(err, fs.ErrNotExist) || bytes.Contains(have, authority) {
		return nil
	}
	if err == nil {
		err = tree.WriteFile(bundleFile, append(have, authority...), 0o644)
	}
	if err == nil {
		err = tree.MkdirAll(filepath.Dir(extraCAFile), 0o755)
	}
	if err == nil { // update-ca-certificates keeps what is here
		err = tree.WriteFile(extraCAFile, authority, 0o644)
	}
	if err != nil {
		return fmt.Errorf("have the machine trust the lab: %w", err)
	}
	return nil
}

// resolvConf takes the name servers out of a network configuration; nil if it
// has none.
func resolvConf(network []byte) []byte {
	var doc struct {
		Ethernets map[string]struct {
			Nameservers struct{ Addresses []string }
		}
	}
	if yaml.Unmarshal(network, &doc) != nil {
		return nil // cloud-init will say so
	}
	var out []byte
	for _, e := range doc.Ethernets {
		for _, address := range e.Nameservers.Addresses {
			out = append(out, "nameserver "+address+"\n"...)
		}
	}
	return out
}

// netnsEtc is where `ip netns exec` looks for files that stand for those in /etc.
const netnsEtc = "/etc/netns"

// resolveInLAN has commands in the LAN ask the lab's name server.
func (l *Lab) resolveInLAN() error {
	for _, name := range []string{l.plan.lan(), l.plan.stranger()} {
		dir := filepath.Join(netnsEtc, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("name the LAN's resolver: %w", err)
		}
		if err := writeFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver "+CloudflareIP+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// forgetResolver removes those files.
func (l *Lab) forgetResolver() error {
	entries, err := os.ReadDir(netnsEtc)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if l.plan.owns(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(netnsEtc, e.Name())))
		}
	}
	return err
}
