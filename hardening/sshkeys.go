package hardening

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// The least sizes of what RSA and Diffie-Hellman rest on. The file of moduli
// counts one bit less than people do.
const (
	leastRSA     = 3072
	leastModulus = 3071
)

const moduliFile = "/etc/ssh/moduli"

// hostKeySettings name the host keys that sshd shall go on with. None of them
// is made anew, so that what is pinned stays right: a weak one is not offered
// any more.
func hostKeySettings(f *facts.Facts, p Policy) []sshSetting {
	keys, _ := goodHostKeys(f, p)
	var out []sshSetting
	for _, k := range keys {
		out = append(out, sshSetting{control: "SSH-10", keyword: "HostKey", want: k.File, adds: true})
	}
	return out
}

// goodHostKeys are the keys to go on with, ed25519 first, or why there are none.
func goodHostKeys(f *facts.Facts, p Policy) (keys []facts.HostKey, why string) {
	for _, kind := range []string{"ssh-ed25519", "ssh-rsa"} {
		for _, k := range f.HostKeys {
			if k.Type == kind && hostKeyComplaint(k) == "" && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 || keys[0].Type != "ssh-ed25519" {
		return nil, "sshd has no ed25519 host key: run `ssh-keygen -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key` there"
	}
	if p.Client == nil {
		return keys, ""
	}
	known := p.Client().HostKeys
	if !slices.ContainsFunc(keys, func(k facts.HostKey) bool { return shares(k.Proofs(), known) }) {
		return nil, fmt.Sprintf("the pinned host key is of another kind (%s): compare the ed25519 one with the console and run `k3sedge trust %s`", strings.Join(known, ", "), p.Node)
	}
	return keys, ""
}

func hostKeyComplaint(k facts.HostKey) string {
	switch {
	case k.Type == "", k.Type == "ssh-ed25519":
		return ""
	case k.Type != "ssh-rsa":
		return "a key of the type " + k.Type
	case k.Bits < leastRSA:
		return fmt.Sprintf("an RSA key of %d bits", k.Bits)
	}
	return ""
}

func checkHostKeys(f *facts.Facts, p Policy) Verdict {
	var wrong, have []string
	for _, k := range f.HostKeys {
		if k.Type == "" {
			continue // sshd goes on without it
		}
		have = append(have, fmt.Sprintf("%s %d", k.Type, k.Bits))
		if complaint := hostKeyComplaint(k); complaint != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s %s: %s", k.File, k.Type, k.Fingerprint, complaint))
		}
		if isLooseKey(k) {
			wrong = append(wrong, fmt.Sprintf("%s: mode %04o, owner %d:%d", k.File, k.Mode, k.UID, k.GID))
		}
	}
	if !slices.ContainsFunc(f.HostKeys, func(k facts.HostKey) bool { return k.Type == "ssh-ed25519" }) {
		wrong = append(wrong, "sshd has no ed25519 host key")
	}
	return decide(wrong, strings.Join(have, ", "), fmt.Sprintf("ed25519, RSA of %d bits or more beside it, nothing else; mode 0600, root's", leastRSA))
}

func isLooseKey(k facts.HostKey) bool {
	return k.Type != "" && (k.Mode&^0o600 != 0 || k.UID != 0 || k.GID != 0)
}

// mendHostKeys leaves weak keys out of the drop-in; the files stay, root's alone.
func mendHostKeys(f *facts.Facts, p Policy) Mend {
	m := mendSSHD(f, p)
	if _, why := goodHostKeys(f, p); why != "" {
		m.Blocked = append(m.Blocked, why)
	}
	for _, k := range f.HostKeys {
		if isLooseKey(k) {
			m.Attrs = append(m.Attrs, facts.AttrChange{Path: k.File, Mode: k.Mode & 0o600})
		}
	}
	m.reloadSSHD()
	return m
}

// offersGroupExchange says whether the moduli are of any use.
func offersGroupExchange(f *facts.Facts, _ Policy) (bool, string) {
	kex := effective(f, "kexalgorithms")
	offers := slices.ContainsFunc(kex, func(name string) bool { return strings.HasPrefix(name, "diffie-hellman-group-exchange-") })
	return len(kex) == 0 || offers, "sshd offers no group exchange, so that nobody asks for its moduli"
}

func checkModuli(f *facts.Facts, _ Policy) Verdict {
	if len(effective(f, "kexalgorithms")) == 0 {
		return unknown("sshd -T: nothing about kexalgorithms")
	}
	var wrong, have []string
	for _, size := range slices.Sorted(maps.Keys(f.Moduli.Sizes)) {
		line := fmt.Sprintf("%s: %d groups of %d bits", f.Moduli.File, f.Moduli.Sizes[size], size+1)
		have = append(have, fmt.Sprintf("%d of %d", f.Moduli.Sizes[size], size+1))
		if size < leastModulus {
			wrong = append(wrong, line)
		}
	}
	if len(have) == 0 {
		have, wrong = []string{"none"}, []string{f.Moduli.File + ": no group at all"}
	}
	return decide(wrong, strings.Join(have, ", "), fmt.Sprintf("groups of %d bits or more, and none smaller", leastModulus+1))
}

// mendModuli has the host filter its file: half a megabyte need not go over
// the line. sshd reads it at every exchange, so that nothing is reloaded.
func mendModuli(f *facts.Facts, _ Policy) Mend {
	strong := false
	for size := range f.Moduli.Sizes {
		strong = strong || size >= leastModulus
	}
	if f.Moduli.File != moduliFile || !strong {
		return Mend{Advice: []string{fmt.Sprintf("bring back Debian's moduli (`apt-get install --reinstall -o Dpkg::Options::=--force-confmiss openssh-server`), or take ModuliFile out of sshd's configuration; it reads %s", f.Moduli.File)}}
	}
	return Mend{Files: []facts.FileChange{{Path: moduliFile, MinModulus: leastModulus, Mode: 0o644}}}
}
