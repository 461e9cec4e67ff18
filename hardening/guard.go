package hardening

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// guard refuses a change that would lock out the one who makes it. The host
// would go back by itself, but a refusal costs less than a minute's fright.
func guard(f *facts.Facts, p Policy) error {
	for _, part := range []Part{PartSession, PartLogins} {
		if gap := partGap(f, part); gap != "" {
			return machine.WithHint(fmt.Errorf("would not change logins unseen: %s", gap), "run `k3sedge harden` through SSH, as ssh.user")
		}
	}
	s := f.Session
	from, err := netip.ParseAddr(s.ClientAddr)
	if err != nil {
		return machine.WithHint(fmt.Errorf("read the address that the host sees us at: %w", err), "run `k3sedge harden` through SSH, as ssh.user")
	}
	switch {
	case !p.Allows(from):
		return machine.WithHint(fmt.Errorf("the host sees you at %s, which ssh.allowFrom would lock out", from),
			"add a network that holds %s to ssh.allowFrom in k3sedge.yaml, or run k3sedge from inside %s", from, prefixes(p.AllowFrom))
	case s.User != p.Admin:
		return machine.WithHint(fmt.Errorf("logged in as %q, but only %q may log in afterwards", s.User, p.Admin), "log in as ssh.user, or name %q there", s.User)
	case s.ServerPort != p.SSHPort:
		return machine.WithHint(fmt.Errorf("sshd answers at port %d, but the firewall would open %d", s.ServerPort, p.SSHPort), "set ssh.port to %d", s.ServerPort)
	case !hasKnownKey(f, p):
		return machine.WithHint(fmt.Errorf("no key of the inventory opens a login as %q", p.Admin), "name your key in ssh.authorizedKeys and put it into the account's authorized_keys")
	}
	return guardClient(f, p)
}

// guardClient refuses lists of which our own SSH client speaks nothing. The
// host would refuse them too, by what its sshd makes of them.
func guardClient(f *facts.Facts, p Policy) error {
	if p.Client == nil {
		return machine.WithHint(errors.New("nobody said what our own SSH client knows"), "report this: it is a mistake in k3sedge")
	}
	client := p.Client()
	var proofs []string
	kept := keptSettings(f, p)
	for _, s := range kept {
		if s.key() != "hostkey" {
			continue
		}
		for _, k := range f.HostKeys {
			if k.File == s.want {
				proofs = append(proofs, k.Proofs()...)
			}
		}
	}
	for _, s := range kept {
		offered, known := strings.Split(s.want, ","), algorithmsFor(client, s.key())
		switch s.key() {
		case "hostkey":
			offered, known = proofs, client.HostKeys
		case "kexalgorithms", "ciphers", "macs":
		default:
			continue
		}
		if !shares(offered, known) {
			return machine.WithHint(fmt.Errorf("after the change your SSH client would have nothing in common with sshd for %s: it knows %s, sshd would offer %s",
				s.keyword, strings.Join(known, ","), strings.Join(offered, ",")),
				"use the newest k3sedge, or leave it as it is with `k3sedge harden --skip %s`", s.control)
		}
	}
	return nil
}

func hasKnownKey(f *facts.Facts, p Policy) bool {
	for _, l := range f.Logins {
		if l.User == p.Admin && slices.ContainsFunc(l.Keys, func(k facts.Key) bool { return slices.Contains(p.Keys, k.Fingerprint) }) {
			return true
		}
	}
	return false
}

func prefixes(list []netip.Prefix) string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return strings.Join(out, ", ")
}

// ErrLeftToUser is what k3sedge found and will not mend by itself.
var ErrLeftToUser = errors.New("something is left for you to mend")
