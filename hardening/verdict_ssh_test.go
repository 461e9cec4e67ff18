package hardening

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// offered changes a list in sshd's answers and on the wire.
func offered(key, value string) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, p Policy) {
		everywhere(key, value)(f, p)
		offerAsSet(f)
	}
}

func hostKey(i int, change func(*facts.HostKey)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { change(&f.HostKeys[i]) }
}

func sshdMutations() []mutation {
	return slices.Concat(cryptoMutations(), keyMutations(), limitMutations(), runningMutations())
}

func cryptoMutations() []mutation {
	const gex = ",diffie-hellman-group-exchange-sha256"
	return []mutation{
		{"a curve of NIST's", offered("kexalgorithms", strings.Join(keyExchanges("12"), ",")+",ecdh-sha2-nistp256"), Fail, []string{"SSH-08"}},
		{"none against a quantum computer", offered("kexalgorithms", "curve25519-sha256"+gex), Fail, []string{"SSH-08"}},
		{"none that our client speaks", offered("kexalgorithms", "sntrup761x25519-sha512@openssh.com"+gex), Fail, []string{"SSH-08"}},
		{"a shorter list", offered("kexalgorithms", "sntrup761x25519-sha512@openssh.com,curve25519-sha256"+gex), Pass, nil},
		{"another list on the wire", func(f *facts.Facts, _ Policy) {
			f.Offer.KeyExchanges = append(f.Offer.KeyExchanges, "ecdh-sha2-nistp256")
		}, Fail, []string{"SSH-08"}},
		{"nobody answered", func(f *facts.Facts, _ Policy) { f.Offer = nil }, Unknown, []string{"SSH-08", "SSH-09"}},
		{"a release without lists", func(f *facts.Facts, _ Policy) { f.System.Release = "14" }, Unknown, []string{"SSH-08", "SSH-09", "PKG-05"}},
		{"another system", func(f *facts.Facts, _ Policy) { f.System.OS = "fedora" }, Unknown, []string{"SSH-08", "SSH-09", "PKG-05"}},
		{"a CBC cipher", offered("ciphers", "aes256-gcm@openssh.com,aes128-cbc"), Fail, []string{"SSH-09"}},
		{"no cipher in common", offered("ciphers", "aes192-ctr"), Fail, []string{"SSH-09"}},
		{"a MAC over the plain text", offered("macs", "hmac-sha2-256-etm@openssh.com,hmac-sha2-256"), Fail, []string{"SSH-09"}},
		{"other MACs on the wire", func(f *facts.Facts, _ Policy) { f.Offer.MACs = []string{"hmac-sha1"} }, Fail, []string{"SSH-09"}},
		{"fewer ciphers", offered("ciphers", "aes256-gcm@openssh.com"), Pass, nil},
	}
}

func keyMutations() []mutation {
	return []mutation{
		{"an ECDSA host key", func(f *facts.Facts, _ Policy) {
			f.HostKeys = append(f.HostKeys, facts.HostKey{File: ecdsaFile, Type: "ecdsa-sha2-nistp256", Bits: 256, Mode: 0o600})
		}, Fail, []string{"SSH-10"}},
		{"an unreadable host key", hostKey(1, func(k *facts.HostKey) { k.Type = "unreadable" }), Fail, []string{"SSH-10"}},
		{"a short RSA host key", hostKey(1, func(k *facts.HostKey) { k.Bits = 2048 }), Fail, []string{"SSH-10"}},
		{"no RSA host key", func(f *facts.Facts, _ Policy) { f.HostKeys[1] = facts.HostKey{File: rsaFile} }, Pass, nil},
		{"no ed25519 host key", func(f *facts.Facts, _ Policy) { f.HostKeys = f.HostKeys[1:] }, Fail, []string{"SSH-10"}},
		{"a host key that a group reads", hostKey(0, func(k *facts.HostKey) { k.Mode = 0o640 }), Fail, []string{"SSH-10"}},
		{"somebody's host key", hostKey(0, func(k *facts.HostKey) { k.UID = 1000 }), Fail, []string{"SSH-10"}},
		{"no host keys seen", func(f *facts.Facts, _ Policy) { f.HostKeys = nil }, Unknown, []string{"SSH-10"}},
		{"groups of 2048 bits", func(f *facts.Facts, _ Policy) { f.Moduli.Sizes[2047] = 60 }, Fail, []string{"SSH-11"}},
		{"no groups", func(f *facts.Facts, _ Policy) { f.Moduli.Sizes = nil }, Fail, []string{"SSH-11"}},
		{"no moduli seen", func(f *facts.Facts, _ Policy) { f.Moduli = nil }, Unknown, []string{"SSH-11"}},
		{"no group exchange", offered("kexalgorithms", "sntrup761x25519-sha512,curve25519-sha256"), NotApplicable, []string{"SSH-11"}},
	}
}

func limitMutations() []mutation {
	out := []mutation{
		{"fewer tries", everywhere("maxauthtries", "4"), Pass, nil},
		{"fewer strangers", everywhere("maxstartups", "5:50:20"), Pass, nil},
		{"fewer sessions", everywhere("maxsessions", "4"), Pass, nil},
		{"a shorter silence", everywhere("clientaliveinterval", "60"), Pass, nil},
		{"root may forward", inCells(0, 0, "allowtcpforwarding", "yes"), Fail, []string{"SSH-06", "SSH-13"}},
	}
	for key, values := range map[string][]string{
		"x11forwarding": {"yes"}, "allowagentforwarding": {"yes"}, "allowstreamlocalforwarding": {"yes", "local"},
		"permittunnel": {"yes", "point-to-point"}, "gatewayports": {"yes", "clientspecified"}, "allowtcpforwarding": {"yes", "no", "remote"},
		"permitopen": {"any", "none", "127.0.0.1:6443 10.0.0.9:22"}, "disableforwarding": {"yes"},
	} {
		for _, value := range values {
			out = append(out, mutation{key + " " + value, everywhere(key, value), Fail, []string{"SSH-13"}})
		}
	}
	for key, values := range map[string][]string{
		"maxauthtries": {"0", "5", "6", "x"}, "logingracetime": {"0", "61"}, "maxstartups": {"11:30:60", "10:29:60", "10:30:61", "0:30:60", "10:30", "10"},
		"maxsessions": {"0", "3", "11"},
	} {
		for _, value := range values {
			out = append(out, mutation{key + " " + value, everywhere(key, value), Fail, []string{"SSH-14"}})
		}
	}
	for key, values := range map[string][]string{
		"clientaliveinterval": {"0", "301"}, "clientalivecountmax": {"0", "4"}, "loglevel": {"INFO", "QUIET"}, "printlastlog": {"no"},
	} {
		for _, value := range values {
			out = append(out, mutation{key + " " + value, everywhere(key, value), Fail, []string{"SSH-15"}})
		}
	}
	return out
}

func runningMutations() []mutation {
	changed := func(at int64) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, _ Policy) { f.Daemon.Files[1].Changed = at }
	}
	listener := func(change func(*facts.Listener)) func(*facts.Facts, Policy) {
		return func(f *facts.Facts, _ Policy) {
			i := slices.IndexFunc(f.Listeners, func(l facts.Listener) bool { return l.PID == 42 && l.Address == "0.0.0.0" })
			change(&f.Listeners[i])
		}
	}
	return []mutation{
		{"a file that sshd has not read", changed(loaded + 1), Fail, []string{"SSH-17"}},
		{"a file of the same moment", changed(loaded), Pass, nil},
		{"a file of tomorrow", changed(int64(2000e9)), Unknown, []string{"SSH-17"}},
		{"a socket that no file names", listener(func(l *facts.Listener) { l.Address = "10.0.0.11" }), Fail, []string{"SSH-17"}},
		{"a socket of another program", listener(func(l *facts.Listener) { l.PID = 43 }), Pass, nil},
		{"sshd behind a socket", unit(sshdSocket, facts.Unit{State: "enabled", Active: "active"}), Fail, []string{"SSH-17"}},
		{"no sshd of its own", func(f *facts.Facts, _ Policy) { f.Daemon.PID = 0 }, Unknown, []string{"SSH-17"}},
		{"an sshd that does not listen", func(f *facts.Facts, _ Policy) { f.Daemon.PID = 44 }, Unknown, []string{"SSH-17"}},
		{"sshd not looked at", func(f *facts.Facts, _ Policy) { f.Daemon = nil }, Unknown, []string{"SSH-17"}},
	}
}

// verdicts are the findings of the SSH group by ID.
func verdicts(f *facts.Facts, p Policy) map[string]Finding {
	out := map[string]Finding{}
	for _, finding := range Judge(f, p).Findings {
		out[finding.ID] = finding
	}
	return out
}

func TestSSHDAtAnotherPortIsLeftToTheUser(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Listeners = append(f.Listeners, facts.Listener{Proto: "tcp", Address: "0.0.0.0", Port: 2222, Process: "sshd", PID: 42})
	for _, c := range f.SSHD.Cells {
		c.Settings["listenaddress"] = append(c.Settings["listenaddress"], "0.0.0.0:2222")
	}
	f.SSHD.Origins = append(f.SSHD.Origins, facts.Origin{Key: "port", Value: "2222", File: sshdConfig, Line: 9})
	v := verdicts(f, p)["SSH-17"]
	if v.Status != Fail || v.Kept || !strings.Contains(strings.Join(v.Mend, " "), sshdConfig+":9: port 2222") {
		t.Errorf("%+v", v)
	}
}

// Debian 13 shuts out addresses that fail too often; ours must not be among them.
func TestThePenaltiesOfDebian13(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.System.Release = "13"
	addSSHFacts(f, p)
	if v := verdicts(f, p); v["SSH-14"].Status != Pass || v["SSH-08"].Status != Pass || v["SSH-09"].Status != Pass || v["SSH-11"].Status != NotApplicable {
		t.Errorf("%+v", v)
	}
	if have := f.SSHD.Cells[0].Settings["persourcepenaltyexemptlist"]; !slices.Equal(have, []string{"10.0.0.0/24,fd00:1::/64"}) {
		t.Errorf("exempt: %q", have)
	}
	for key, c := range map[string]struct {
		value string
		want  Status
	}{
		"persourcepenalties":         {"crash:90 authfail:5", Pass},
		"persourcepenalties ":        {"no", Fail},
		"persourcepenaltyexemptlist": {"none", Fail},
	} {
		changed := clone(t, f)
		everywhere(strings.TrimSpace(key), c.value)(changed, p)
		if v := verdicts(changed, p)["SSH-14"]; v.Status != c.want {
			t.Errorf("%s %s: %+v", key, c.value, v)
		}
	}
}

// An sshd from before the update that brought the alias would end on it.
func TestAnOlderDebian12IsNotToldOfTheAlias(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := stock(t, p)
	everywhere("kexalgorithms", "sntrup761x25519-sha512@openssh.com,curve25519-sha256")(f, p)
	text := dropInText(f, p)
	if !strings.Contains(text, "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,") {
		t.Errorf("drop-in:\n%s", text)
	}
}
