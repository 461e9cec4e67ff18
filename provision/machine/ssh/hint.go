package ssh

import (
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Hint returns what to check when a host is in state, with NODE, ADDRESS and
// USER for the host's own words.
func Hint(state machine.State) string {
	switch state {
	case machine.NoRoute:
		return "nothing is at ADDRESS: check that the machine runs, its address in nodes[].address, and that this computer is in its network"
	case machine.Refused:
		return "the machine answers but sshd does not: it may still boot; check ssh.port, and `systemctl status ssh` on its console"
	case machine.Timeout:
		return "no packet comes back from ADDRESS: the machine boots, hangs, or a firewall drops SSH; look at its console"
	case machine.HostKeyDiffers:
		return "if the machine was re-installed on purpose, compare the fingerprint on its console and run `k3sedge trust NODE`; otherwise somebody else answers at its address"
	case machine.HostKeyUnknown:
		return "run `k3sedge trust NODE` and compare the fingerprint with the machine's console"
	case machine.AuthRefused:
		return "check ssh.user (USER) and that the public half of one of ssh.identities is in its ~/.ssh/authorized_keys on NODE"
	case machine.CloudInit:
		return "the first boot is not finished: see `cloud-init status --long` and /var/log/cloud-init-output.log on NODE"
	case machine.SudoPassword:
		return "on NODE run `visudo -f /etc/sudoers.d/k3sedge` as root and add the line: USER ALL=(ALL) NOPASSWD:ALL"
	case machine.NoIdentity:
		return "name a private key in ssh.identities, its passphrase in ssh.passphrase, or add the key to the SSH agent with ssh-add"
	case machine.Lost:
		return "the connection to NODE broke: check that the machine still runs, then run the command again; it goes on where it stopped"
	}
	return ""
}

// hint is Hint with this host's own words.
func (c Config) hint(state machine.State) string {
	words := []string{"NODE", c.name(), "ADDRESS", c.Address, "USER", c.User}
	if c.Section != "" {
		words = append([]string{
			"run `k3sedge trust NODE`", "put its key into " + c.Section + ".hostKey",
			"nodes[].address", c.Section + ".address", "ssh.port", c.Section + ".address", "ssh.user", c.Section + ".user",
		}, words...)
	}
	return strings.NewReplacer(words...).Replace(Hint(state))
}
