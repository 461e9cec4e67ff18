package node

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// unconnected are the states of a socket that waits for anybody, as the
// kernel writes them: LISTEN of TCP, and a UDP socket without a partner.
func unconnected() map[string]string { return map[string]string{"tcp": "0A", "udp": "07"} }

// parseSockets reads a table of the kernel. Its first line are the headings.
func parseSockets(proto, table string) ([]socket, error) {
	var out []socket
	lines := slices.Collect(strings.Lines(table))
	if len(lines) == 0 || !strings.Contains(lines[0], "local_address") {
		return nil, errors.New("no table of sockets")
	}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 10 {
			return nil, fmt.Errorf("cannot read %q", line)
		}
		if fields[3] != unconnected()[proto] {
			continue
		}
		address, port, err := parseSocketAddress(fields[1])
		if err != nil {
			return nil, err
		}
		out = append(out, socket{facts.Listener{Proto: proto, Address: address, Port: port}, fields[9]})
	}
	return out, nil
}

// parseSocketAddress reads "0100007F:0016": words in the machine's own order
// of bytes (little-endian on all that k3sedge runs on), and the port.
func parseSocketAddress(s string) (address string, port int, err error) {
	words, hexPort, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(words)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: %w", s, err)
	}
	if len(b)%4 == 0 {
		for word := range slices.Chunk(b, 4) {
			slices.Reverse(word)
		}
	}
	addr, ok := netip.AddrFromSlice(b)
	if !ok {
		return "", 0, fmt.Errorf("address %q: neither of IPv4 nor of IPv6", s)
	}
	number, err := strconv.ParseUint(hexPort, 16, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: %w", s, err)
	}
	return addr.Unmap().String(), int(number), nil
}

// parseUnitOfGroup reads /proc/PID/cgroup: the innermost service or scope of
// the unified hierarchy, or of systemd's own one.
func parseUnitOfGroup(content string) string {
	for line := range strings.Lines(content) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, found := strings.Cut(rest, ":")
		if !found || controllers != "" && controllers != "name=systemd" {
			continue
		}
		for ; group != "/" && group != "." && group != ""; group = path.Dir(group) {
			if unit := path.Base(group); strings.HasSuffix(unit, ".service") || strings.HasSuffix(unit, ".scope") {
				return unit
			}
		}
	}
	return ""
}
