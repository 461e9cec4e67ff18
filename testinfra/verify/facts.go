package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/inventory"
)

// factsScript reads everything that any promise asks of a machine, in one login.
// What is enabled is read off the disk: where systemd is slow, it takes longer to
// list that than anybody waits for.
const factsScript = `
s() { echo "== $1"; }
s virt; systemd-detect-virt || true
s kernel; uname -srm
s os; (. /etc/os-release; echo "$PRETTY_NAME")
s listeners; ss -H -lntup
s enabled; {
  find /etc/systemd/system /run/systemd/system \( -path '*.wants/*' -o -path '*.requires/*' \) -xtype f -printf '%f\n'
  find /etc/systemd/system -maxdepth 1 -type l -xtype f -printf '%l\n' # by another name
} | sed 's,.*/,,' | sort -u | while read -r unit; do [ "/etc/systemd/system/$unit" -ef /dev/null ] || echo "$unit"; done
s running; systemctl list-units --no-legend --no-pager --plain --state=active --type=service,socket
s finish; systemctl show --property=FinishTimestampMonotonic
s order; systemctl show --property=Id,InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic nftables.service network-pre.target systemd-networkd.service networking.service NetworkManager.service k3s.service k3s-agent.service
s link; ip -6 -o addr show scope link
for u in root ADMIN k3sedge-nobody; do
  s "sshd $u"; sshd -T -C "user=$u,host=verify,addr=203.0.113.7,laddr=127.0.0.1,lport=22" | grep -Ei '^(passwordauthentication|kbdinteractiveauthentication|permitemptypasswords|permitrootlogin) '
done
s end
`

// errFacts is an answer that lacks what every machine has.
var errFacts = errors.New("not the whole answer of a machine")

// machineFacts is what was read of a machine.
type machineFacts struct {
	Virt, Kernel, OS string
	Client           netip.Addr // where the machine sees the operator
	Listeners        []listener
	Enabled, Running []string
	Finish           uint64               // of the boot, in µs; 0 while it goes on
	Order            map[string]unitTimes // by unit
	LinkLocal        []netip.Addr
	SSHD             map[string]map[string]string // by user and keyword
}

// unitTimes are those of a unit in this boot, in µs; 0 is never.
type unitTimes struct{ begin, active uint64 }

// listener is a socket that waits.
type listener struct {
	proto   string
	address netip.Addr // invalid for any
	port    uint16
	process string
}

// container reports whether the kernel is the host's.
func (m machineFacts) container() bool {
	switch m.Virt {
	case "systemd-nspawn", "lxc", "lxc-libvirt", "docker", "podman", "openvz", "container-other", "rkt", "wsl", "proot", "pouch":
		return true
	}
	return false
}

// machines reads all nodes, once until something changes.
func (r *Run) machines(ctx context.Context) (map[string]machineFacts, error) {
	return r.seen.machines.get(func() (map[string]machineFacts, error) {
		r.say("read %d machines", len(r.cluster.Nodes))
		out := map[string]machineFacts{}
		var mu sync.Mutex
		err := r.eachNode(func(n inventory.Node) error {
			m, err := r.readMachine(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			out[n.Name] = m
			if err == nil {
				r.about[n.Name] = m
			}
			return err
		})
		return out, err
	})
}

func (r *Run) readMachine(ctx context.Context, n inventory.Node) (machineFacts, error) {
	script := strings.ReplaceAll(factsScript, "ADMIN", r.cluster.SSH.User)
	out, err := r.mustOnNode(ctx, n, script, `echo "== client"; echo "$SSH_CONNECTION"; exec sudo -n sh -s`)
	if err != nil {
		return machineFacts{}, err
	}
	m, err := parseFacts(out)
	if err != nil {
		return m, fmt.Errorf("%s: %w", n.Name, err)
	}
	return m, nil
}

// parseFacts reads what factsScript prints.
func parseFacts(text string) (machineFacts, error) {
	m := machineFacts{Order: map[string]unitTimes{}, SSHD: map[string]map[string]string{}}
	var unit string
	section, ended := "", false
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if name, begins := strings.CutPrefix(line, "== "); begins {
			section, ended = name, name == "end"
			continue
		}
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if section == "order" {
			unit = m.readOrder(unit, line)
			continue
		}
		m.readLine(section, line, fields)
	}
	if err := lines.Err(); err != nil {
		return m, err
	}
	return m, m.complete(ended)
}

// readLine reads a line of one section.
func (m *machineFacts) readLine(section, line string, fields []string) {
	switch section {
	case "client":
		m.Client, _ = netip.ParseAddr(fields[0])
	case "virt":
		m.Virt = fields[0]
	case "kernel":
		m.Kernel = line
	case "os":
		m.OS = line
	case "listeners":
		if l, ok := parseListener(fields); ok {
			m.Listeners = append(m.Listeners, l)
		}
	case "enabled":
		m.Enabled = append(m.Enabled, fields[0])
	case "running":
		m.Running = append(m.Running, fields[0])
	case "finish":
		_, value, _ := strings.Cut(line, "=")
		m.Finish, _ = strconv.ParseUint(value, 10, 64)
	case "link":
		m.readLink(line, fields)
	default:
		m.readSSHD(section, fields)
	}
}

// readSSHD keeps what sshd says to one user.
func (m *machineFacts) readSSHD(section string, fields []string) {
	user, isSSHD := strings.CutPrefix(section, "sshd ")
	if !isSSHD || len(fields) < 2 {
		return
	}
	if m.SSHD[user] == nil {
		m.SSHD[user] = map[string]string{}
	}
	m.SSHD[user][strings.ToLower(fields[0])] = fields[1]
}

// readLink keeps the link-local addresses of real interfaces; those of K3s
// lead to its pods only.
func (m *machineFacts) readLink(line string, fields []string) {
	if len(fields) < 4 || strings.Contains(line, "cni0") || strings.Contains(line, "flannel") || strings.Contains(line, "veth") {
		return
	}
	if p, err := netip.ParsePrefix(fields[3]); err == nil && p.Addr().IsLinkLocalUnicast() {
		m.LinkLocal = append(m.LinkLocal, p.Addr())
	}
}

// readOrder reads KEY=VALUE of `systemctl show`, in whatever order the keys are.
func (m *machineFacts) readOrder(unit, line string) string {
	key, value, _ := strings.Cut(line, "=")
	if key == "Id" {
		// systemctl prints the Id first.
		return value
	}
	t := m.Order[unit]
	n, _ := strconv.ParseUint(value, 10, 64)
	switch key {
	case "InactiveExitTimestampMonotonic":
		t.begin = n
	case "ActiveEnterTimestampMonotonic":
		t.active = n
	}
	m.Order[unit] = t
	return unit
}

// complete refuses what would let a promise pass on nothing.
func (m machineFacts) complete(ended bool) error {
	for what, there := range map[string]bool{
		"its end": ended, "virtualisation": m.Virt != "", "kernel": m.Kernel != "", "listeners": len(m.Listeners) > 0,
		"enabled units": len(m.Enabled) > 0, "running units": len(m.Running) > 0, "unit times": len(m.Order) > 0,
		"what sshd says": len(m.SSHD) >= 3,
	} {
		if !there {
			return fmt.Errorf("%w: %s: nothing", errFacts, what)
		}
	}
	return nil
}

// parseListener reads a line of `ss -H -lntup`.
func parseListener(f []string) (listener, bool) {
	if len(f) < 5 || f[0] != "tcp" && f[0] != "udp" {
		return listener{}, false
	}
	i := strings.LastIndexByte(f[4], ':')
	if i < 0 {
		return listener{}, false
	}
	port, err := strconv.ParseUint(f[4][i+1:], 10, 16)
	if err != nil {
		return listener{}, false
	}
	l := listener{proto: f[0], port: uint16(port)}
	host, _, _ := strings.Cut(strings.Trim(f[4][:i], "[]"), "%")
	if a, err := netip.ParseAddr(strings.TrimSuffix(host, "]")); err == nil {
		l.address = a.Unmap()
	}
	if len(f) > 6 {
		_, rest, _ := strings.Cut(f[6], `"`)
		l.process, _, _ = strings.Cut(rest, `"`)
	}
	return l, true
}
