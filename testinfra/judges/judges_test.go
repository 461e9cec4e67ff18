package judges

import (
	"errors"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

const report = `# Lynis Report
report_version_major=1
warning[]=NETW-2705|Couldn't find 2 responsive nameservers|-|-|
suggestion[]=BOOT-5122|Set a password on GRUB|-|-|
warning[]=KRNL-5830|Reboot of system is most likely needed||text:reboot|
tests_executed=CORE-1000|BOOT-5104|KRNL-5830|
hardening_index=61
`

func TestLynisIsRead(t *testing.T) {
	t.Parallel()
	got, err := ParseLynis(report)
	want := Lynis{61, 3, []LynisWarning{{"NETW-2705", "Couldn't find 2 responsive nameservers"}, {"KRNL-5830", "Reboot of system is most likely needed"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, broken := range []string{"", "hardening_index=61\n", "tests_executed=A|\n", strings.Replace(report, "=61", "=601", 1), strings.Replace(report, "=61", "=", 1)} {
		if got, err := ParseLynis(broken); !errors.Is(err, errLynis) {
			t.Errorf("%q: %+v, %v", broken, got, err)
		}
	}
}

const audit = "# key exchange algorithms\n" +
	"(kex) sntrup761x25519-sha512@openssh.com    -- [warn] using experimental algorithm\n" +
	"(kex) diffie-hellman-group1-sha1            -- [fail] using broken SHA-1 hash algorithm\n" +
	"                                            `- [warn] using small 1024-bit modulus\n" +
	"(key) ssh-rsa (2048-bit)                    -- [fail] using broken SHA-1 hash algorithm\n" +
	"(enc) aes256-ctr                            -- [info] available since OpenSSH 3.7\n" +
	"(rec) -sntrup761x25519-sha512@openssh.com   -- kex algorithm to remove \n"

func TestSSHAuditIsRead(t *testing.T) {
	t.Parallel()
	got, err := ParseSSHAudit(audit)
	want := []Complaint{
		{"kex", "sntrup761x25519-sha512@openssh.com", "warn", "using experimental algorithm"},
		{"kex", "diffie-hellman-group1-sha1", "fail", "using broken SHA-1 hash algorithm"},
		{"kex", "diffie-hellman-group1-sha1", "warn", "using small 1024-bit modulus"},
		{"key", "ssh-rsa", "fail", "using broken SHA-1 hash algorithm"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := ParseSSHAudit("[exception] cannot connect to 127.0.0.1 port 22\n"); !errors.Is(err, errAudit) {
		t.Errorf("nothing looked at: %v, %v", got, err)
	}
}

func TestTheProberTellsOpenFromShut(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "::1"} {
		tcp, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			t.Skipf("no %s here: %v", address, err)
		}
		defer tcp.Close()
		udp, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		go echo(udp)
		mute, err := net.ListenPacket("udp", net.JoinHostPort(address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer mute.Close()
		gone, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		want := map[Port]Answer{
			{"tcp", portOf(tcp.Addr())}: Open, {"tcp", portOf(gone.Addr())}: Refused,
			{"udp", portOf(udp.LocalAddr())}: Open, {"udp", portOf(mute.LocalAddr())}: Silent,
		}
		_ = gone.Close()
		var ports []Port
		for p := range want {
			ports = append(ports, p)
		}
		got := Prober{time.Second, 2}.Probe(t.Context(), netip.MustParseAddr(address), ports)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}

// echo sends every datagram back.
func echo(conn net.PacketConn) {
	b := make([]byte, 64)
	for {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = conn.WriteTo(b[:n], from)
	}
}

func portOf(a net.Addr) uint16 { return netip.MustParseAddrPort(a.String()).Port() }

func FuzzParseLynis(f *testing.F) {
	f.Add(report)
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := ParseLynis(text); err == nil && (l.Index < 0 || l.Index > 100 || l.Tests < 1) {
			t.Errorf("%+v of %q", l, text)
		}
	})
}

func FuzzParseSSHAudit(f *testing.F) {
	f.Add(audit)
	f.Fuzz(func(t *testing.T, text string) {
		complaints, err := ParseSSHAudit(text)
		for _, c := range complaints {
			if err != nil || c.Algorithm == "" || c.Text == "" || c.Level != "warn" && c.Level != "fail" {
				t.Errorf("%+v, %v of %q", c, err, text)
			}
		}
	})
}
