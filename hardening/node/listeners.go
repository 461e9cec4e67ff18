package node

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// socket is a line of /proc/net/tcp and its like that waits for somebody.
type socket struct {
	facts.Listener
	inode string
}

// listeners reads the kernel's tables and looks up who holds the sockets. ss
// would print the same after a start of its own.
func (h Host) listeners() ([]facts.Listener, error) {
	found, err := h.sockets()
	if err != nil {
		return nil, err
	}
	owners, err := h.socketOwners(found)
	if err != nil {
		return nil, err
	}
	out := []facts.Listener{}
	for _, s := range found {
		if pid, known := owners[s.inode]; known {
			s.PID = pid
			s.Process, s.Unit = h.processName(pid), h.processUnit(pid)
		}
		if !slices.Contains(out, s.Listener) {
			out = append(out, s.Listener)
		}
	}
	slices.SortFunc(out, func(a, b facts.Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Address, b.Address), cmp.Compare(a.PID, b.PID))
	})
	return out, nil
}

// sockets reads the tables of both families. A kernel without IPv6 has two.
func (h Host) sockets() ([]socket, error) {
	var out []socket
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := os.ReadFile(h.path("/proc/net/" + table))
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(table, "6") {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list listeners: %w", err)
		}
		found, err := parseSockets(strings.TrimSuffix(table, "6"), string(b))
		if err != nil {
			return nil, fmt.Errorf("list listeners: /proc/net/%s: %w", table, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// socketOwners finds the first process that holds each of the sockets, by
// their inodes. It ends as soon as all are found: most processes hold many
// files and no socket of ours.
func (h Host) socketOwners(sockets []socket) (map[string]int, error) {
	wanted, owners := map[string]bool{}, map[string]int{}
	for _, s := range sockets {
		wanted["socket:["+s.inode+"]"] = true
	}
	pids, err := h.processes()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		if len(wanted) == 0 {
			break
		}
		for _, link := range h.openFiles(pid) {
			if wanted[link] {
				owners[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] = pid
				delete(wanted, link)
			}
		}
	}
	return owners, nil
}

// processes are the numbers of all processes, the oldest first.
func (h Host) processes() ([]int, error) {
	names, err := h.names("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// openFiles are what the descriptors of a process stand for. A process that
// has ended in the meantime holds nothing.
func (h Host) openFiles(pid int) []string {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, _ := h.names(dir)
	var links []string
	for _, name := range names {
		if link, err := os.Readlink(h.path(dir + "/" + name)); err == nil && strings.HasPrefix(link, "socket:[") {
			links = append(links, link)
		}
	}
	return links
}

// processName is the name of a program, "" where it has ended.
func (h Host) processName(pid int) string {
	name, _ := h.line(fmt.Sprintf("/proc/%d/comm", pid))
	return name
}

// processUnit is the systemd unit in which a process runs, "" for none.
func (h Host) processUnit(pid int) string {
	b, _ := os.ReadFile(h.path(fmt.Sprintf("/proc/%d/cgroup", pid)))
	return parseUnitOfGroup(string(b))
}
