package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// checkHostKey differs as long as a key that stood in the seed is trusted.
func checkHostKey(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil || s.Note.Phase != phaseSeeded {
		return nil, err
	}
	keys, err := v.pins.Pinned(v.node.Name)
	if err != nil {
		return nil, fmt.Errorf("read the pins: %w", err)
	}
	if !slices.ContainsFunc(keys, func(k string) bool { return fingerprint(k) == s.Note.SeedKey }) {
		return nil, nil
	}
	return change("host key", "the one of the seed", "one that never left the machine"), nil
}

const (
	hostKeyPath = "/etc/ssh/ssh_host_ed25519_key"
	newKeyPath  = "/etc/ssh/.k3sedge_host_key.new"
	cloudOff    = "/etc/cloud/cloud-init.disabled"
)

// rotateHostKey gives the machine a key that was made on it. Every key that it
// may show at any moment is pinned before that moment, so that a run that is
// killed anywhere can connect again and do all of this once more.
func rotateHostKey(ctx context.Context, h *hands) error {
	old, err := h.pins.Pinned(h.node.Name)
	if err != nil {
		return fmt.Errorf("read the pins: %w", err)
	}
	// Without its seed cloud-init would take the next boot for a new
	// machine's first one, and make other host keys.
	off := machine.File{Path: cloudOff, Content: []byte("k3sedge: the first boot is done\n"), Mode: 0o644}
	if err := h.host.WriteFile(ctx, off); err != nil {
		return fmt.Errorf("switch cloud-init off: %w", err)
	}
	fresh, err := newKeyOn(ctx, h.host)
	if err != nil {
		return err
	}
	if err := h.pinning.Pin(h.node.Name, append(slices.Clone(old), fresh)...); err != nil {
		return fmt.Errorf("pin the next host key: %w", err)
	}
	for _, argv := range [][]string{
		{"mv", "-f", newKeyPath + ".pub", hostKeyPath + ".pub"},
		{"mv", "-f", newKeyPath, hostKeyPath},
		{"systemctl", "restart", "ssh.service"},
	} {
		if _, err := h.host.Run(ctx, machine.Command{Argv: argv, Root: true}); err != nil {
			return fmt.Errorf("put the new host key in place: %w", err)
		}
	}
	return h.proveKey(ctx, append(slices.Clone(old), fresh), fresh)
}

var errNotAKey = errors.New("ssh-keygen made no ed25519 key")

// newKeyOn makes a key pair on the host and returns its public half.
func newKeyOn(ctx context.Context, host machine.Host) (string, error) {
	var out machine.Output
	for _, argv := range [][]string{
		{"rm", "-f", newKeyPath, newKeyPath + ".pub"},
		{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", newKeyPath},
		{"cat", newKeyPath + ".pub"},
	} {
		var err error
		if out, err = host.Run(ctx, machine.Command{Argv: argv, Root: true}); err != nil {
			return "", fmt.Errorf("make a host key on the machine: %w", err)
		}
	}
	key := publicPart(string(out.Stdout))
	if !strings.HasPrefix(key, keyType+" ") || fingerprint(key) == "" {
		return "", errNotAKey
	}
	return key, nil
}

// publicPart leaves out the comment of a public key.
func publicPart(key string) string {
	fields := strings.Fields(key)
	return strings.Join(fields[:min(2, len(fields))], " ")
}

// proveKey trusts the new key alone, and opens a new connection that must show
// it. If it does not, all keys are trusted again as before.
func (h *hands) proveKey(ctx context.Context, all []string, fresh string) error {
	if err := h.pinning.Pin(h.node.Name, fresh); err != nil {
		return fmt.Errorf("pin the new host key: %w", err)
	}
	err := converge.Wait{What: "sshd with its new host key", Every: h.tasks.every, Limit: 30 * time.Second}.Until(ctx, func(ctx context.Context) (bool, string, error) {
		session, err := h.host.Redial(ctx)
		switch state := machine.StateOf(err); {
		case err == nil:
			return true, "", session.Close()
		case state == machine.Refused, state == machine.Lost, state == machine.Timeout:
			return false, string(state), nil // sshd is restarting
		}
		return false, "", err
	})
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("connect with the new host key: %w", err), h.pinning.Pin(h.node.Name, all...))
}
