package node

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	tcpHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	udpHead = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
)

// socketLine is a line of the kernel's tables.
func socketLine(local, state, inode string) string {
	return fmt.Sprintf("   0: %s 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 %s 1 0 100 0 0 10 0\n", local, state, inode)
}

func putSockets(t *testing.T, w *world) {
	t.Helper()
	w.put(t, "/proc/net/tcp", tcpHead+socketLine("00000000:0016", "0A", "100")+socketLine("0100007F:18EC", "0A", "101")+socketLine("0B00000A:0016", "01", "102"))
	w.put(t, "/proc/net/tcp6", tcpHead+socketLine("00000000000000000000000000000000:0016", "0A", "103")+socketLine("0000000000000000FFFF00000100007F:0019", "0A", "104"))
	w.put(t, "/proc/net/udp", udpHead+socketLine("00000000:2118", "07", "105")+socketLine("0B00000A:9C40", "01", "106"))
	for fd, inode := range map[string]string{"3": "100", "4": "103", "5": "104"} {
		w.link(t, "socket:["+inode+"]", "/proc/600/fd/"+fd)
		w.link(t, "socket:["+inode+"]", "/proc/601/fd/"+fd) // a child has them too
	}
	w.link(t, "/dev/null", "/proc/600/fd/0")
	w.put(t, "/proc/600/comm", "sshd\n")
	w.put(t, "/proc/600/cgroup", "0::/system.slice/ssh.service\n")
	w.link(t, "socket:[101]", "/proc/1200/fd/9")
	w.put(t, "/proc/1200/comm", "k3s-server\n")
	w.put(t, "/proc/1200/cgroup", "12:cpu:/x.service\n1:name=systemd:/system.slice/k3s.service/inner\n")
}

func TestListeners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	putSockets(t, w)
	have, err := w.host().listeners()
	want := []facts.Listener{
		{Proto: "tcp", Address: "0.0.0.0", Port: 22, Process: "sshd", PID: 600, Unit: "ssh.service"},
		{Proto: "tcp", Address: "::", Port: 22, Process: "sshd", PID: 600, Unit: "ssh.service"},
		{Proto: "tcp", Address: "127.0.0.1", Port: 25, Process: "sshd", PID: 600, Unit: "ssh.service"},
		{Proto: "tcp", Address: "127.0.0.1", Port: 6380, Process: "k3s-server", PID: 1200, Unit: "k3s.service"},
		{Proto: "udp", Address: "0.0.0.0", Port: 8472}, // the kernel's
	}
	if err != nil || !slices.Equal(have, want) {
		t.Errorf("have %+v, %v", have, err)
	}
}

func TestListenersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world){
		"no table":     func(w *world) { w.drop(t, "/proc/net/udp") },
		"empty":        func(w *world) { w.put(t, "/proc/net/tcp", "") },
		"a short line": func(w *world) { w.put(t, "/proc/net/tcp", tcpHead+"0: 00000000:0016 0A\n") },
		"no address":   func(w *world) { w.put(t, "/proc/net/tcp6", tcpHead+socketLine("000000:0016", "0A", "1")) },
		"not hex":      func(w *world) { w.put(t, "/proc/net/tcp6", tcpHead+socketLine("zz:0016", "0A", "1")) },
		"no port":      func(w *world) { w.put(t, "/proc/net/tcp", tcpHead+socketLine("00000000", "0A", "1")) },
	} {
		w := newWorld(t)
		putSockets(t, w)
		spoil(w)
		if have, err := w.host().listeners(); err == nil {
			t.Errorf("%s: %+v", name, have)
		}
	}
}

func TestUnitOfGroup(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"0::/system.slice/k3s.service\n":                   "k3s.service",
		"0::/user.slice/user-1000.slice/session-3.scope\n": "session-3.scope",
		"0::/init.scope\n":                                 "init.scope",
		"0::/kubepods/besteffort/pod1/abc\n":               "",
		"0::/\n":                                           "",
		"":                                                 "",
		"nonsense":                                         "",
		"3:cpu:/a.service\n1:name=systemd:/b.service\n0::/c.service\n": "b.service",
		"0::/user.slice/user@1000.service/app.slice/x.service/payload": "x.service",
	} {
		if have := parseUnitOfGroup(content); have != want {
			t.Errorf("%q: %q, want %q", content, have, want)
		}
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add(tcpHead + socketLine("0100007F:0016", "0A", "1"))
	f.Add(udpHead + socketLine("0000000000000000FFFF00000100007F:0044", "0A", "1"))
	f.Fuzz(func(t *testing.T, table string) {
		found, err := parseSockets("tcp", table)
		if err != nil && found != nil {
			t.Errorf("%v and %v", found, err)
		}
		for _, s := range found {
			if _, err := netip.ParseAddr(s.Address); err != nil || s.Port < 0 || s.Port > 65535 {
				t.Errorf("%+v: %v", s, err)
			}
		}
	})
}

func FuzzParseUnitOfGroup(f *testing.F) {
	f.Add("0::/system.slice/k3s.service\n")
	f.Fuzz(func(t *testing.T, content string) {
		if unit := parseUnitOfGroup(content); unit != "" && filepath.Base(unit) != unit {
			t.Errorf("%q", unit)
		}
	})
}

// The machine that the tests run on has tables too.
func TestListenersOfThisMachine(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("needs Linux")
	}
	if have, err := (Host{}).listeners(); err != nil {
		t.Errorf("%+v, %v", have, err)
	}
}
