package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	rsa1024Key  = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDdkHBVjP3J6teFDXSQ9vd1k1+Z7vo0jqiUZ9ZbuEFjo+BRWGAuxLt5ljqRzEMxloAflJFBwMCDVPGjYmUEfQd5IMb8/eYXzuHTCE8nDnKOddXGnWHEPNpNI+ishzr0E4T3VwQ5BqZakvYj2YGkAqdw4dk0oCFX4pKRFQl1NE80HQ=="
	ecdsa384Key = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBI7330noLFstVXF2dZ5mBA3AShrEbrtkeUzBhKOVcHRiqTqTqFr+20pwsU++UDN2DpNr3PWjSi5/sAi7R/eUiTNA7YutS5lJlVS93sH4i70n8FsETzf20TtTyxPvJitU+g=="
)

func TestParseKeys(t *testing.T) {
	t.Parallel()
	const (
		ed25519Print = "SHA256:eTuKmnGuEPuUB97zpYBdJ3NUeQ3htzR5iPNeo5k3x8M"
		rsaPrint     = "SHA256:PBLbC0jWkACV9SwaYhM9rdoLcKVuSnWXFi6rmN1mEdI"
		ecdsaPrint   = "SHA256:E4gReQVDW2Mya2loF1Mu3HjogQSXBuxjZH1ebqZZy7Q"
	)
	for line, want := range map[string]facts.Key{
		ed25519Key:                          {Fingerprint: ed25519Print, Type: "ssh-ed25519", Bits: 256},
		"  " + rsa1024Key + "  two  words ": {Fingerprint: rsaPrint, Type: "ssh-rsa", Bits: 1024, Comment: "two  words"},
		ecdsa384Key + "\tx":                 {Fingerprint: ecdsaPrint, Type: "ecdsa-sha2-nistp384", Bits: 384, Comment: "x"},
		`restrict,command="echo \"ssh-rsa AAAA\" x",pty ` + ed25519Key + " x": {Fingerprint: ed25519Print, Type: "ssh-ed25519", Bits: 256, Comment: "x"},
		`from="10.0.0.0/8, 10.1.0.0/16"` + "\t" + ed25519Key:                  {Fingerprint: ed25519Print, Type: "ssh-ed25519", Bits: 256},
		"ssh-rsa " + strings.Fields(ed25519Key)[1]:                            {Type: unreadableKey},
		"ssh-ed25519 not/base64!":                                             {Type: unreadableKey},
		`command="never closed ` + ed25519Key:                                 {Type: unreadableKey},
		"x":                                                                   {Type: unreadableKey},
	} {
		want.File, want.Line = "f", 3
		have := parseKeys("f", "# a comment\n\n"+line+"\n")
		if !slices.Equal(have, []facts.Key{want}) {
			t.Errorf("%s:\nhave %+v\nwant %+v", line, have, want)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add(`command="x" ` + ed25519Key)
	f.Add(rsa1024Key + "\r\n#\n" + ecdsa384Key)
	f.Add("ssh-rsa AAAAB3NzaC1yc2EAAAAD")
	f.Fuzz(func(t *testing.T, content string) {
		lines := 0
		for line := range strings.Lines(content) {
			if s := strings.TrimSpace(line); s != "" && s[0] != '#' {
				lines++
			}
		}
		if keys := parseKeys("f", content); len(keys) != lines {
			t.Errorf("%d lines, %d keys", lines, len(keys))
		}
	})
}

func TestExpandKeyFile(t *testing.T) {
	t.Parallel()
	a := account{name: "admin", uid: "1000", home: "/home/admin"}
	for pattern, want := range map[string]string{
		".ssh/authorized_keys": "/home/admin/.ssh/authorized_keys", "%h/keys": "/home/admin/keys", "/keys/%u": "/keys/admin",
		"/keys/%U/%%": "/keys/1000/%", "none": "",
	} {
		if have, err := expandKeyFile(pattern, a); err != nil || have != want {
			t.Errorf("%s: %q, %v", pattern, have, err)
		}
	}
	for _, pattern := range []string{"/keys/%", "/keys/%x"} {
		if have, err := expandKeyFile(pattern, a); err == nil {
			t.Errorf("%s: %q", pattern, have)
		}
	}
}

func TestParsePackages(t *testing.T) {
	t.Parallel()
	have := parseInstalled(`Package: nftables
Status: install ok installed
Architecture: amd64
Version: 1.0.6-2
Description: a tool
 Version: not this
 .

Package: telnetd
Status: deinstall ok config-files
Version: 0.17

Package: libc6
Status: hold ok installed
Architecture: amd64
Version: 2.36

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36

Package: gone
Status: purge ok not-installed
Version: 1

Package: half
Status: install reinstreq half-installed
Architecture: amd64
Version: 2

Package: torn
Status: install ok half-configured
Architecture: amd64
Version: 3

Package: waits
Status: install ok triggers-awaited
Architecture: amd64
Version: 4
`)
	want := []installedPackage{{"nftables", "amd64", "1.0.6-2"}, {"libc6", "amd64", "2.36"}, {"libc6", "i386", "2.36"}, {"half", "amd64", "2"}, {"torn", "amd64", "3"}, {"waits", "amd64", "4"}}
	if !slices.Equal(have, want) {
		t.Errorf("have %v", have)
	}
}

func TestParseExec(t *testing.T) {
	t.Parallel()
	for show, want := range map[string]string{
		"ExecStop=\n": "", "": "",
		"ExecStop={ path=/usr/sbin/nft ; argv[]=/usr/sbin/nft delete table inet k3sedge ; ignore_errors=yes ; pid=0 }\n":                                    "/usr/sbin/nft delete table inet k3sedge",
		"ExecStop={ path=/a ; argv[]=/a ; ignore_errors=no ; b ; ignore_errors=no ; pid=0 }\nExecStop={ path=/b ; argv[]=/b ; ignore_errors=no ; pid=0 }\n": "/a ; ignore_errors=no ; b\n/b",
	} {
		if have, err := parseExec(show); err != nil || have["ExecStop"] != want || have["ExecStart"] != "" {
			t.Errorf("%q: %q, %v", show, have, err)
		}
	}
	for _, show := range []string{"nonsense", "ExecStop={ argv[]=/a }", "ExecStop={ path=/a ; argv[]=/a }"} {
		if have, err := parseExec(show); err == nil {
			t.Errorf("%q: %q", show, have)
		}
	}
}

func TestSysctls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "/proc/sys/net/ipv4/conf/eth0.5/rp_filter", "1\n")
	w.put(t, "/proc/sys/net/ipv4/conf/all/rp_filter", "2\n")
	w.put(t, "/proc/sys/kernel/panic", "0\n")
	w.put(t, "/etc/sysctl.conf", "kernel.panic=60\n")
	w.link(t, "../sysctl.conf", "/etc/sysctl.d/99-sysctl.conf")
	w.put(t, "/usr/lib/sysctl.d/50-default.conf", "net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n")
	w.put(t, "/usr/lib/sysctl.d/90-k3sedge.conf", "net.ipv4.ip_forward = 0\n")
	w.put(t, "/etc/sysctl.d/90-k3sedge.conf", "# ours\n; too\nnet/ipv4/ip_forward=1\n-kernel.panic = 10\nnonsense\nnet.ipv4.tcp_rmem = 4096  131072\t6291456")
	w.put(t, "/run/sysctl.d/00-early.conf", "net.ipv4.ip_forward = 5\n")
	w.link(t, "/dev/null", "/etc/sysctl.d/00-early.conf")
	w.put(t, "/etc/sysctl.d/99-other.txt", "net.ipv4.ip_forward = 7\n")
	ours := "/etc/sysctl.d/90-k3sedge.conf"
	want := map[string]facts.Sysctl{
		"net.ipv4.ip_forward":                {Value: "0", Origin: ours, Persistent: "1"},
		"kernel.panic":                       {Value: "0", Origin: "/etc/sysctl.d/99-sysctl.conf", Persistent: "60"},
		"net.ipv4.tcp_rmem":                  {Value: "4096 131072 6291456", Origin: ours, Persistent: "4096 131072 6291456"},
		"net.ipv4.conf.all.rp_filter":        {Value: "2"},
		"net.ipv4.conf.eth0/5.rp_filter":     {Value: "1", Origin: "/usr/lib/sysctl.d/50-default.conf", Persistent: "2"},
		"net.bridge.bridge-nf-call-iptables": {Absent: true},
	}
	var keys []string
	for key := range want {
		keys = append(keys, key)
	}
	var have map[string]facts.Sysctl
	if missing := w.host().sysctls(append(keys, "../../etc/passwd"), &have); len(missing) != 1 {
		t.Errorf("missing: %v", missing)
	}
	for key := range want {
		if have[key] != want[key] {
			t.Errorf("%s: %+v, want %+v", key, have[key], want[key])
		}
	}
}

func FuzzParseSysctlFile(f *testing.F) {
	f.Add("a.b = 1\n-c\n#\n[x")
	f.Fuzz(func(t *testing.T, content string) {
		for _, a := range parseSysctlFile("f", content) {
			if strings.ContainsAny(a.key+a.value, "\n") || a.exclude && a.value != "" {
				t.Errorf("%+v", a)
			}
			assignments{a}.lookup("net/x")
		}
	})
}
