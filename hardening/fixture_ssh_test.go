package hardening

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// testClient is what x/crypto's client offers to a host whose pinned key is an
// ed25519 one.
func testClient() facts.Algorithms {
	return facts.Algorithms{
		KeyExchanges: []string{"mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"},
		HostKeys:     []string{"ssh-ed25519"},
		Ciphers:      []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"},
		MACs:         []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256"},
	}
}

const (
	ed25519File = "/etc/ssh/ssh_host_ed25519_key"
	rsaFile     = "/etc/ssh/ssh_host_rsa_key"
	ecdsaFile   = "/etc/ssh/ssh_host_ecdsa_key"
)

func goodKeys() []facts.HostKey {
	return []facts.HostKey{
		{File: ed25519File, Type: "ssh-ed25519", Bits: 256, Fingerprint: "SHA256:e", Mode: 0o600},
		{File: rsaFile, Type: "ssh-rsa", Bits: 3072, Fingerprint: "SHA256:r", Mode: 0o600},
	}
}

// loaded is when the fixture's sshd read its files: long ago, by the clock of
// the machine that has it.
const loaded = int64(900e9)

// addSSHFacts makes sshd as the drop-in would.
func addSSHFacts(f *facts.Facts, p Policy) {
	f.Files[sshdDropIn] = facts.File{Exists: true, Content: dropInText(f, p), Mode: 0o644}
	f.SSHD.Origins = []facts.Origin{include()}
	for i, s := range sshSettings(f, p) {
		f.SSHD.Origins = append(f.SSHD.Origins, facts.Origin{Key: s.key(), Value: s.want, File: sshdDropIn, Line: i + 3})
	}
	f.Moduli = &facts.Moduli{File: moduliFile, Sizes: map[int]int{3071: 76, 4095: 68}}
	f.Daemon = &facts.Daemon{PID: 42, Loaded: loaded, Files: []facts.Stamp{{Path: sshdConfig, Changed: loaded - 9}, {Path: sshdDropIn, Changed: loaded - 1}}}
	for _, address := range []string{"0.0.0.0", "::"} {
		l := facts.Listener{Proto: "tcp", Address: address, Port: p.SSHPort, Process: "sshd", PID: 42, Unit: sshdUnit}
		if !slices.Contains(f.Listeners, l) {
			f.Listeners = append(f.Listeners, l)
		}
	}
	setCells(f, p, nil)
	offerAsSet(f)
}

// setCells makes the matrix as the drop-in would, with some settings changed in every cell.
func setCells(f *facts.Facts, p Policy, change map[string]string) {
	f.SSHD.Cells = nil
	settings := sshSettings(f, p)
	for _, user := range p.Users() {
		for _, source := range p.Sources() {
			c := facts.SSHDCell{User: user, Address: source, Settings: map[string][]string{}}
			for _, s := range settings {
				c.Settings[s.key()] = append(c.Settings[s.key()], s.want)
			}
			port := strconv.Itoa(p.SSHPort)
			c.Settings["port"] = []string{port}
			c.Settings["listenaddress"] = []string{net.JoinHostPort("0.0.0.0", port), net.JoinHostPort("::", port)}
			for key, value := range change {
				c.Settings[key] = strings.Fields(value)
			}
			f.SSHD.Cells = append(f.SSHD.Cells, c)
		}
	}
}

// offerAsSet makes the running sshd offer what its files say.
func offerAsSet(f *facts.Facts) {
	f.Offer = &facts.Offer{Address: "10.0.0.11:22", Banner: "SSH-2.0-OpenSSH_9.2p1", Algorithms: facts.Algorithms{
		KeyExchanges: append(effective(f, "kexalgorithms"), "kex-strict-s-v00@openssh.com"),
		HostKeys:     []string{"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"},
		Ciphers:      effective(f, "ciphers"), MACs: effective(f, "macs"),
	}}
}

// stockSSHD is Debian's sshd, as cloud-init leaves it.
func stockSSHD(f *facts.Facts, p Policy) {
	f.HostKeys = append(f.HostKeys, facts.HostKey{File: ecdsaFile, Type: "ecdsa-sha2-nistp256", Bits: 256, Fingerprint: "SHA256:c", Mode: 0o600})
	setCells(f, p, map[string]string{
		"passwordauthentication": "yes", "permitrootlogin": "without-password", "authenticationmethods": "any",
		"kexalgorithms": sntrupAlias + ",sntrup761x25519-sha512@openssh.com,curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256",
		"ciphers":       "chacha20-poly1305@openssh.com,aes128-ctr", "macs": "umac-64-etm@openssh.com,hmac-sha2-256,hmac-sha1",
		"x11forwarding": "yes", "allowtcpforwarding": "yes", "allowagentforwarding": "yes", "permitopen": "any",
		"maxauthtries": "6", "maxstartups": "10:30:100", "logingracetime": "120",
		"clientaliveinterval": "0", "clientalivecountmax": "3", "loglevel": "INFO",
		"hostkey": rsaFile + " " + ecdsaFile + " " + ed25519File,
	})
	for _, c := range f.SSHD.Cells {
		delete(c.Settings, "allowusers")
	}
	offerAsSet(f)
	f.Moduli.Sizes[2047] = 60
	f.SSHD.Origins = []facts.Origin{include(), {Key: "passwordauthentication", Value: "yes", File: sshdDropIns + "/50-cloud-init.conf", Line: 1}}
	f.Files[sshdDropIn] = facts.File{}
}
