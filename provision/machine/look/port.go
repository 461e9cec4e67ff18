package look

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The states of sockets that wait for somebody, as the kernel prints them: a
// TCP socket that listens, and a UDP socket that has no peer.
const (
	tcpListens = "0A"
	udpIsOpen  = "07"
)

// errSockets is a table of sockets that cannot be read.
var errSockets = errors.New("not a line of sockets")

// ports lists the sockets that listen, as /proc has them: that needs no
// program, and tells those of the kernel's own too.
func (h host) ports() ([]Port, error) {
	var all []socket
	for _, table := range []struct{ name, proto, state string }{
		{"tcp", "tcp", tcpListens}, {"tcp6", "tcp", tcpListens}, {"udp", "udp", udpIsOpen}, {"udp6", "udp", udpIsOpen},
	} {
		b, err := os.ReadFile(h.path("/proc/net/" + table.name))
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(table.name, "6") {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		found, err := parseSockets(string(b), table.state)
		if err != nil {
			return nil, fmt.Errorf("read /proc/net/%s: %w", table.name, err)
		}
		for _, s := range found {
			s.Proto = table.proto
			all = append(all, s)
		}
	}
	h.findProcesses(all)
	out := make([]Port, len(all))
	for i, s := range all {
		out[i] = s.Port
	}
	return out, nil
}

// socket is a port with the number by which its process holds it.
type socket struct {
	Port
	inode string
}

// parseSockets reads a table of /proc/net and returns the sockets in a state.
func parseSockets(table, state string) ([]socket, error) {
	head, rest, _ := strings.Cut(table, "\n")
	if !strings.Contains(head, "local_address") {
		return nil, fmt.Errorf("%w: %q", errSockets, head)
	}
	var out []socket
	for line := range strings.Lines(rest) {
		// sl local rem st queues timer retransmits uid timeout inode …
		f := strings.Fields(line)
		if len(f) < 10 {
			return nil, fmt.Errorf("%w: %q", errSockets, line)
		}
		if f[3] != state {
			continue
		}
		addr, port, err := parseLocal(f[1])
		if err != nil {
			return nil, err
		}
		out = append(out, socket{Port{Address: addr.String(), Port: port}, f[9]})
	}
	return out, nil
}

// parseLocal reads an address as the kernel prints it: words of four bytes, each
// in the order of a little-endian processor, which all supported ones are.
func parseLocal(text string) (netip.Addr, uint16, error) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(b) != 4 && len(b) != 16 {
		return netip.Addr{}, 0, fmt.Errorf("%w: address %q", errSockets, text)
	}
	for word := range slices.Chunk(b, 4) {
		binary.LittleEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr.Unmap(), uint16(number), nil
}

// findProcesses fills in who holds the sockets. A process that ends meanwhile
// is passed over, and what belongs to the kernel has none.
func (h host) findProcesses(sockets []socket) {
	open := map[string][]*Port{}
	for i, s := range sockets {
		if s.inode != "0" {
			link := "socket:[" + s.inode + "]"
			open[link] = append(open[link], &sockets[i].Port)
		}
	}
	folders, _ := filepath.Glob(h.path("/proc/[0-9]*"))
	for _, folder := range folders {
		if len(open) == 0 {
			return
		}
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		for _, link := range held(folder) {
			for _, p := range open[link] {
				p.PID, p.Process = pid, commandOf(folder)
			}
			delete(open, link)
		}
	}
}

// held lists what the descriptors of a process point to.
func held(process string) []string {
	entries, err := os.ReadDir(filepath.Join(process, "fd"))
	if err != nil {
		return nil
	}
	var links []string
	for _, e := range entries {
		if link, err := os.Readlink(filepath.Join(process, "fd", e.Name())); err == nil {
			links = append(links, link)
		}
	}
	return links
}

func commandOf(process string) string {
	b, err := os.ReadFile(filepath.Join(process, "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
