package look

import (
	"slices"
	"testing"
)

// Tables as Linux prints them: two that listen and one connection; the head of a
// table without any; DNS, VXLAN (which belongs to the kernel) and a connected one.
const (
	tableTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0000000000000000 100 0 0 10 0
   1: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0000000000000000 100 0 0 10 0
   2: 0B004D0A:0016 02004D0A:DAEC 01 00000000:00000000 02:00098B21 00000000     0        0 333 2 0000000000000000 20 4 31 10 -1
`
	tableTCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 444 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 555 1 0000000000000000 100 0 0 10 0
   2: B80D01200000000067452301EFCDAB89:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 666 1 0000000000000000 100 0 0 10 0
`
	tableUDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0B004D0A:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 2 0000000000000000 0
  200: 0B004D0A:9C40 02004D0A:0035 01 00000000:00000000 00:00000000 00000000     0        0 777 2 0000000000000000 0
`
)

func TestPorts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/proc/net/tcp", tableTCP)
	r.put("/proc/net/tcp6", tableTCP6)
	r.put("/proc/net/udp", tableUDP)
	r.put("/proc/179/comm", "sshd\n")
	r.link("/proc/179/fd/3", "socket:[111]")
	r.link("/proc/179/fd/4", "socket:[444]")
	r.link("/proc/179/fd/5", "/dev/null")
	r.put("/proc/300/comm", "k3s-server\n")
	r.link("/proc/300/fd/9", "socket:[222]")
	r.put("/proc/self/comm", "not a number\n")
	a := r.look(t.Context(), Request{Ports: true})
	want := []Port{
		{"tcp", "0.0.0.0", 22, "sshd", 179}, {"tcp", "127.0.0.1", 6443, "k3s-server", 300},
		{"tcp", "::", 22, "sshd", 179}, {"tcp", "127.0.0.1", 8080, "", 0}, {"tcp", "2001:db8::123:4567:89ab:cdef", 443, "", 0},
		{"udp", "10.77.0.11", 8472, "", 0},
	}
	if !slices.Equal(a.Ports, want) || a.Failed != nil {
		t.Errorf("got %+v, failed %v", a.Ports, a.Failed)
	}
}

func TestSocketsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	head := "  sl  local_address rem_address   st\n"
	for name, table := range map[string]string{
		"empty":        "",
		"no head":      "   0: 00000000:0016 00000000:0000 0A 0:0 0:0 0 0 0 111\n",
		"a short line": head + "   0: 00000000:0016 00000000:0000 0A\n",
		"no port":      head + "   0: 00000000 00000000:0000 0A 0:0 0:0 0 0 0 111\n",
		"three bytes":  head + "   0: 000000:0016 00000000:0000 0A 0:0 0:0 0 0 0 111\n",
		"no hex":       head + "   0: 0000000x:0016 00000000:0000 0A 0:0 0:0 0 0 0 111\n",
	} {
		if got, err := parseSockets(table, tcpListens); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	r := newRig(t)
	r.put("/proc/net/tcp", tableTCP)
	if a := r.look(t.Context(), Request{Ports: true}); a.Failed["ports"] == "" || a.Ports != nil {
		t.Errorf("without a table of UDP: %+v", a)
	}
}
