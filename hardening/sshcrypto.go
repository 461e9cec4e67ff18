package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// sshReleases are the releases of Debian whose sshd k3sedge has lists for.
func sshReleases() []string { return []string{"12", "13"} }

// sntrupAlias came to Debian 12 with an update (9.2p1-2+deb12u4): an older sshd
// ends on a list that names it.
const sntrupAlias = "sntrup761x25519-sha512"

// keyExchanges are what a release's sshd may offer. They are the lists of
// ssh-audit's policies for it, which say no to whatever is not on them.
func keyExchanges(release string) []string {
	quantum := []string{sntrupAlias, sntrupAlias + "@openssh.com"}
	if release == "13" {
		return append([]string{"mlkem768x25519-sha256"}, quantum...)
	}
	return append(quantum,
		"curve25519-sha256", "curve25519-sha256@libssh.org",
		"diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group-exchange-sha256")
}

func ciphers() []string {
	return []string{
		"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-gcm@openssh.com", "aes128-ctr",
	}
}

func macs(release string) []string {
	out := []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"}
	if release == "13" {
		slices.Reverse(out)
	}
	return append(out, "umac-128-etm@openssh.com")
}

// resistsQuantum reports whether a key exchange also holds against a quantum computer.
func resistsQuantum(name string) bool {
	return strings.HasPrefix(name, "sntrup761") || strings.HasPrefix(name, "mlkem768")
}

// cryptoSettings are the lists for the host's release.
func cryptoSettings(f *facts.Facts) []sshSetting {
	release := debianRelease(f)
	if release == "" {
		return nil
	}
	kex := keyExchanges(release)
	if seen := effective(f, "kexalgorithms"); len(seen) > 0 && !slices.Contains(seen, sntrupAlias) {
		kex = slices.DeleteFunc(kex, func(name string) bool { return name == sntrupAlias })
	}
	set := func(control, keyword string, names []string) sshSetting {
		return sshSetting{control: control, keyword: keyword, want: strings.Join(names, ","), enough: func(value string) bool {
			return value != "" && !slices.ContainsFunc(strings.Split(value, ","), func(name string) bool { return !slices.Contains(names, name) })
		}}
	}
	return []sshSetting{
		set("SSH-08", "KexAlgorithms", kex), set("SSH-09", "Ciphers", ciphers()), set("SSH-09", "MACs", macs(release)),
	}
}

// effective is a list as sshd -T prints it. It holds for every login.
func effective(f *facts.Facts, key string) []string {
	if f.SSHD == nil || len(f.SSHD.Cells) == 0 {
		return nil
	}
	return slices.DeleteFunc(strings.Split(strings.Join(f.SSHD.Cells[0].Settings[key], ","), ","), func(name string) bool { return name == "" })
}

// checkKeyExchanges wants one that holds against a quantum computer beside one
// that our own client speaks.
func checkKeyExchanges(f *facts.Facts, p Policy) Verdict {
	v := checkCrypto(f, p, "SSH-08")
	if v.Status != Pass && v.Status != Fail {
		return v
	}
	kex := effective(f, "kexalgorithms")
	if !slices.ContainsFunc(kex, resistsQuantum) {
		v = v.worse("none of them holds against a quantum computer")
	}
	return v
}

// checkCrypto judges lists by what sshd -T says, by what the running sshd says
// on the wire, and by what our own client knows.
func checkCrypto(f *facts.Facts, p Policy, control string) Verdict {
	settings := slices.DeleteFunc(cryptoSettings(f), func(s sshSetting) bool { return s.control != control })
	switch {
	case len(settings) == 0:
		return unknown(fmt.Sprintf("%s %s: k3sedge has lists for Debian %s", f.System.OS, f.System.Release, strings.Join(sshReleases(), " and ")))
	case p.Client == nil:
		return unknown("nobody said what our own SSH client knows")
	}
	v := checkSettings(f, p, settings)
	if v.Status != Pass && v.Status != Fail {
		return v
	}
	for _, s := range settings {
		says := effective(f, s.key())
		wire, client := algorithmsFor(f.Offer.Algorithms, s.key()), algorithmsFor(p.Client(), s.key())
		if !slices.Equal(wire, says) {
			v = v.worse(fmt.Sprintf("on the wire at %s: %s %s", f.Offer.Address, s.key(), strings.Join(wire, ",")))
		}
		if !shares(says, client) {
			v = v.worse(fmt.Sprintf("our own SSH client knows none of them, but %s", strings.Join(client, ",")))
		}
	}
	return v
}

// worse adds to a verdict what is wrong too.
func (v Verdict) worse(evidence string) Verdict {
	if v.Status == Pass {
		v.Status, v.Evidence = Fail, nil
	}
	v.Evidence = append(slices.Clone(v.Evidence), evidence)
	return v
}

// algorithmsFor is the list that belongs to a keyword, without the names that are no
// algorithms but signs that a peer makes.
func algorithmsFor(a facts.Algorithms, key string) []string {
	list := map[string][]string{"kexalgorithms": a.KeyExchanges, "ciphers": a.Ciphers, "macs": a.MACs}[key]
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool {
		return strings.HasPrefix(name, "kex-strict-") || strings.HasPrefix(name, "ext-info-")
	})
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) })
}

// mendCrypto puts the lists in place. Where they are, and the wire says
// something else, sshd has not read them yet.
func mendCrypto(f *facts.Facts, p Policy) Mend {
	m := mendSSHD(f, p)
	if len(m.Units) == 0 && f.Offer != nil && !slices.Equal(algorithmsFor(f.Offer.Algorithms, "kexalgorithms"), effective(f, "kexalgorithms")) {
		m.Units = append(m.Units, facts.UnitChange{Name: sshdUnit, Action: "reload"})
	}
	return m
}
