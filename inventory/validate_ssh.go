package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

func validateSSH(c Cluster, f *findings) {
	s := c.SSH
	if f.check(userForm.MatchString(s.User), "ssh.user", "not the name of a user", "use a-z, 0-9, _ and -") {
		f.check(s.User != "root", "ssh.user", "root may not log in on a hardened node", "name an admin user, who gets sudo")
	}
	validatePort(f, "ssh.port", s.Port)
	f.check(len(s.Identities) > 0 || s.Agent, "ssh.identities", "is missing, and agent is not allowed either",
		"name a private key file such as ~/.ssh/id_ed25519, or set ssh.agent: true")
	for i, path := range s.Identities {
		validateIdentity(f, indexPath("ssh.identities", i), path)
	}
	if s.Passphrase != nil {
		validateSecretRef(f, "ssh.passphrase", *s.Passphrase)
	}
	f.require(len(s.AuthorizedKeys) > 0, "ssh.authorizedKeys", "name at least one public key, such as file:~/.ssh/id_ed25519.pub")
	for i, key := range s.AuthorizedKeys {
		validateAuthorizedKey(f, indexPath("ssh.authorizedKeys", i), key)
	}
	// Without a network there is no default; that is reported there.
	f.require(len(s.AllowFrom) > 0 || !c.Network.CIDR.IsValid(), "ssh.allowFrom", "name the network of the machine that runs k3sedge")
	for i, p := range s.AllowFrom {
		if p != c.Network.CIDR {
			validateSource(f, indexPath("ssh.allowFrom", i), p)
		}
	}
	if s.Jump != nil {
		validateJump(*s.Jump, f)
	}
}

func validateSource(f *findings, path string, p netip.Prefix) {
	if f.check(p.IsValid() && !p.Addr().Is4In6(), path, "not a network", "write it like 10.0.0.0/24 or 10.0.0.5/32") {
		f.check(p == p.Masked(), path, "has bits set behind its length",
			fmt.Sprintf("write %s for the network or %s for the one address", p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen())))
	}
}

// validateIdentity checks what the SSH client would stumble over. Whether the
// key is encrypted does not matter: its passphrase can be asked for.
func validateIdentity(f *findings, path, file string) {
	if !f.require(file != "", path, "name a private key file such as ~/.ssh/id_ed25519") {
		return
	}
	id, err := readIdentity(file)
	if err != nil {
		f.add(path, fmt.Sprintf("%s: %s", file, reason(err)), fileHint(err))
		return
	}
	if id.public {
		f.add(path, file+" holds a public key", "name the file without .pub")
		return
	}
	if !f.check(id.block != "", path, file+" is not a private key", "ssh-keygen -t ed25519 makes one") {
		return
	}
	f.check(id.usable(), path, file+" has a format that is not supported", "ssh-keygen -p -f FILE rewrites it in OpenSSH's own")
	f.check(id.mode&0o077 == 0, path, fmt.Sprintf("%s may be used by others (%04o)", file, id.mode), "chmod 600 "+file)
}

func fileHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "correct the path; relative ones start at the folder of this file, ~/ at your home"
	case errors.Is(err, fs.ErrPermission):
		return "it must be readable by you"
	}
	return "name a file"
}

func validateAuthorizedKey(f *findings, path, key string) {
	const hint = "write the line of a .pub file, or file:PATH of one, such as file:~/.ssh/id_ed25519.pub"
	if !f.require(key != "", path, hint) {
		return
	}
	file, ok := strings.CutPrefix(key, "file:")
	if !ok {
		if err := checkPublicKey(key, loginKeyTypes()); err != nil {
			f.add(path, err.Error(), keyHint(err, hint))
		}
		return
	}
	_, err := readPublicKey(file)
	var unread *fs.PathError
	switch {
	case file == "":
		f.add(path, "names no file", hint)
	case errors.As(err, &unread):
		f.add(path, fmt.Sprintf("%s: %s", file, reason(err)), fileHint(err))
	case err != nil:
		f.add(path, fmt.Sprintf("%s: %s", file, err), keyHint(err, hint))
	}
}

func keyHint(err error, otherwise string) string {
	switch {
	case errors.Is(err, errPrivateKey):
		return "name the .pub file; a private key that was written down anywhere should be replaced"
	case errors.Is(err, errKeyType), errors.Is(err, errKeyWeak):
		return "ssh-keygen -t ed25519 makes a good one"
	}
	return otherwise
}

func validateJump(j Jump, f *findings) {
	const path = "ssh.jump"
	if f.require(j.Address != "", path+".address", "write host or host:port") {
		f.check(isDialable(j.Address), path+".address", "not host or host:port", "write it like bastion.lan, 10.0.0.2 or bastion.lan:2222")
	}
	if f.require(j.User != "", path+".user", "name the user on the jump host") {
		f.check(userForm.MatchString(j.User), path+".user", "not the name of a user", "use a-z, 0-9, _ and -")
	}
	if f.require(j.HostKey != "", path+".hostKey", "ssh-keyscan -t ed25519 HOST shows it after the host's name") {
		validateHostKey(f, path+".hostKey", j.HostKey)
	}
}

// isDialable reports whether s is a host name or address, with a port or without.
func isDialable(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return isHostName(strings.ToLower(s))
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || isHostName(strings.ToLower(host))
}
