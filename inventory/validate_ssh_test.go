package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidateSSH(t *testing.T) {
	t.Parallel()
	key := publicKey("ssh-ed25519", 32)
	jump := "ssh:\n  jump:\n    address: %\n    user: me\n    hostKey: " + key
	for _, e := range []edit{
		{"root", []string{"ssh:", "ssh:\n  user: root"}, []string{"k3sedge.yaml:20: ssh.user: root may not log in on a hardened node"}},
		{"user", []string{"ssh:", "ssh:\n  user: The Admin"}, []string{"k3sedge.yaml:20: ssh.user: not the name of a user"}},
		{"port", []string{"ssh:", "ssh:\n  port: 65536"}, []string{"k3sedge.yaml:20: ssh.port: not a port"}},
		{"no identity", []string{"  identities:\n    - ~/.ssh/id\n", ""}, []string{"k3sedge.yaml:19: ssh.identities: is missing, and agent is not allowed either"}},
		{"empty identity", []string{"~/.ssh/id", "''"}, []string{"k3sedge.yaml:21: ssh.identities[0]: is missing"}},
		{"agent", []string{"  identities:\n    - ~/.ssh/id\n", "  agent: true\n"}, nil},
		{"no authorized key", []string{"    - file:keys/admin.pub\n", ""}, []string{"k3sedge.yaml:22: ssh.authorizedKeys: is missing"}},
		{"empty authorized key", []string{"file:keys/admin.pub", "''"}, []string{"k3sedge.yaml:23: ssh.authorizedKeys[0]: is missing"}},
		{"no file", []string{"file:keys/admin.pub", "'file:'"}, []string{"k3sedge.yaml:23: ssh.authorizedKeys[0]: names no file"}},
		{"written out", []string{"file:keys/admin.pub", key + " me@lan"}, nil},
		{"bad authorized key", []string{"file:keys/admin.pub", "my key"}, []string{"k3sedge.yaml:23: ssh.authorizedKeys[0]: not a public key such as \"ssh-ed25519 AAAA… comment\""}},
		{"source", []string{"ssh:", "ssh:\n  allowFrom: [10.0.0.5/24, 10.0.0.5/32, '::ffff:10.0.0.0/120', '']"}, []string{
			"k3sedge.yaml:20: ssh.allowFrom[0]: has bits set behind its length", "k3sedge.yaml:20: ssh.allowFrom[2]: not a network",
			"k3sedge.yaml:20: ssh.allowFrom[3]: not a network"}},
		{"passphrase", []string{"ssh:", "ssh:\n  passphrase: cmd:pass show key"}, nil},
		{"empty passphrase", []string{"ssh:", "ssh:\n  passphrase: ''"}, []string{"k3sedge.yaml:20: ssh.passphrase: is missing"}},
		{"empty jump", []string{"ssh:", "ssh:\n  jump: {}"}, []string{
			"k3sedge.yaml:20: ssh.jump.address: is missing", "k3sedge.yaml:20: ssh.jump.hostKey: is missing", "k3sedge.yaml:20: ssh.jump.user: is missing"}},
		{"jump", []string{"ssh:", strings.Replace(jump, "%", "bastion.lan:2222", 1)}, nil},
		{"jump address", []string{"ssh:", strings.Replace(jump, "%", "ssh://bastion.lan", 1)}, []string{"k3sedge.yaml:21: ssh.jump.address: not host or host:port"}},
		{"jump user and key", []string{"ssh:", "ssh:\n  jump: {address: b, user: A, hostKey: ssh-rsa AAAA}"}, []string{
			"k3sedge.yaml:20: ssh.jump.hostKey: what follows the key's type is no such key: it was cut off or changed",
			"k3sedge.yaml:20: ssh.jump.user: not the name of a user"}},
	} {
		e.run(t, "proxmox.yaml")
	}
}

func TestIsDialable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"bastion": true, "Bastion.lan": true, "10.0.0.2": true, "10.0.0.2:22": true, "fd00::2": true, "[fd00::2]:22": true, "a.b:65535": true,
		"": false, "a:0": false, "a:65536": false, "a:ssh": false, ":22": false, "a b": false, "a..b": false, "-a": false, "[fd00::2]": false,
		strings.Repeat("a.", 127): false,
	} {
		if got := isDialable(s); got != want {
			t.Errorf("isDialable(%q) is %v, want %v", s, got, want)
		}
	}
}

func TestValidateIdentity(t *testing.T) {
	t.Parallel()
	const path = "k3sedge.yaml:21: ssh.identities[0]: HOME/.ssh/id"
	good := privateKey("OPENSSH PRIVATE KEY")
	for name, tc := range map[string]struct {
		content string
		mode    os.FileMode
		want    []string
	}{
		"read only":      {good, 0o400, nil},
		"RSA":            {privateKey("RSA PRIVATE KEY"), 0o600, nil},
		"for others":     {good, 0o644, []string{path + " may be used by others (0644)"}},
		"for the group":  {good, 0o640, []string{path + " may be used by others (0640)"}},
		"public":         {publicKey("ssh-ed25519", 32) + " me\n", 0o600, []string{path + " holds a public key"}},
		"text":           {"hello", 0o600, []string{path + " is not a private key"}},
		"encrypted PKCS": {privateKey("ENCRYPTED PRIVATE KEY"), 0o600, []string{path + " has a format that is not supported"}},
		"certificate":    {privateKey("CERTIFICATE"), 0o600, []string{path + " has a format that is not supported"}},
		"huge":           {strings.Repeat("x", maxKeyFile+1), 0o600, []string{path + ": is too large"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, "proxmox.yaml")
			f.write("../home/.ssh/id", tc.content, tc.mode)
			f.expect(tc.want...)
		})
	}
}

func TestUnreadableIdentity(t *testing.T) {
	t.Parallel()
	const path = "k3sedge.yaml:21: ssh.identities[0]: "
	f := newFolder(t, "proxmox.yaml")
	f.replace("~/.ssh/id", "keys")
	f.expect(path + "keys: is not a regular file")
	f.replace("- keys\n", "- no/such\n")
	f.expect(path + "no/such: no such file or directory")
	f.replace("- no/such\n", "- ~/.ssh/id\n")
	if os.Geteuid() == 0 {
		t.Skip("root reads every file")
	}
	f.write("../home/.ssh/id", "", 0)
	f.expect(path + "HOME/.ssh/id: permission denied")
}

func TestAuthorizedKeyFiles(t *testing.T) {
	t.Parallel()
	const path = "k3sedge.yaml:23: ssh.authorizedKeys[0]: keys/admin.pub: "
	key := publicKey("ssh-ed25519", 32)
	for name, tc := range map[string]struct {
		content string
		want    []string
	}{
		"windows":   {key + " me\r\n", nil},
		"two":       {key + "\n" + key + "\n", []string{path + "one public key is expected in this file"}},
		"none":      {"# none\n", []string{path + "one public key is expected in this file"}},
		"private":   {privateKey("OPENSSH PRIVATE KEY"), []string{path + "a private key stands here"}},
		"weak":      {keyLine("ssh-rsa", "ssh-rsa", "\x01\x00\x01", strings.Repeat("k", 256)), []string{path + "an RSA key of fewer than 3072 bits is not accepted"}},
		"DSA":       {"ssh-dss AAAA", []string{path + "a key of this type is not accepted"}},
		"different": {keyLine("ssh-ed25519", "ssh-rsa", strings.Repeat("k", 32)), []string{path + "what follows the key's type is no such key: it was cut off or changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, "proxmox.yaml")
			f.write("keys/admin.pub", tc.content, 0o644)
			f.expect(tc.want...)
		})
	}
	f := newFolder(t, "proxmox.yaml")
	if err := os.Remove(filepath.Join(f.path, "keys/admin.pub")); err != nil {
		t.Fatal(err)
	}
	f.expect(path + "no such file or directory")
}

func TestCheckPublicKey(t *testing.T) {
	t.Parallel()
	point := func(n int) string { return "\x04" + strings.Repeat("p", n-1) }
	good := []string{
		publicKey("ssh-ed25519", 32),
		keyLine("ssh-rsa", "ssh-rsa", "\x01\x00\x01", "\x00"+strings.Repeat("\xff", 384)),
		keyLine("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "nistp256", point(65)),
		keyLine("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "nistp384", point(97)),
		keyLine("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "nistp521", point(133)),
		keyLine("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", strings.Repeat("k", 32), "ssh:"),
		keyLine("sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", point(65), "ssh:"),
	}
	for _, line := range good {
		if err := checkPublicKey(line+" a comment", loginKeyTypes()); err != nil {
			t.Errorf("%s: %v", line[:30], err)
		}
		for cut := strings.Index(line, " ") + 1; cut < len(line); cut++ {
			if err := checkPublicKey(line[:cut], loginKeyTypes()); err == nil {
				t.Fatalf("%s is accepted when it is cut off at %d of %d", line[:30], cut, len(line))
			}
		}
	}
	if err := checkPublicKey(good[5], keyTypes()); err == nil {
		t.Error("a security key is accepted as a host key")
	}
	for name, line := range map[string]string{
		"empty":        "",
		"no data":      "ssh-ed25519",
		"line break":   good[0] + "\nssh-ed25519 x",
		"options":      `command="sh" ` + good[0],
		"short":        publicKey("ssh-ed25519", 31),
		"more":         keyLine("ssh-ed25519", "ssh-ed25519", strings.Repeat("k", 32), "x"),
		"other curve":  keyLine("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "nistp384", point(97)),
		"compressed":   keyLine("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "nistp256", "\x02"+strings.Repeat("p", 64)),
		"certificate":  "ssh-ed25519-cert-v01@openssh.com AAAA",
		"no base64":    "ssh-ed25519 ????",
		"empty base64": "ssh-ed25519 =",
	} {
		if err := checkPublicKey(line, loginKeyTypes()); err == nil {
			t.Errorf("%s: %q is accepted", name, line)
		}
	}
}
