//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/judges"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// TestJudges lets programs that are not ours look at a hardened machine, and
// at a stock one beside it.
func TestJudges(t *testing.T) {
	for _, program := range []string{"lynis", "ssh-audit"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the judges are left out: %s is not installed (make judges)", program)
		}
	}
	s := newLab(t, "e2e-judges")
	s.must(0, "up")
	stock := lab.Plain{Name: "stock", Address: "10.77.0.21", User: s.cluster.SSH.User, AuthorizedKeys: s.cluster.SSH.AuthorizedKeys}
	if err := s.lab.AddMachine(t.Context(), stock); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stock machine has booted", 2*time.Minute, func() bool {
		_, err := s.console(stock.Name, nil, "cloud-init", "status", "--wait")
		return err == nil
	})
	hardened := s.cluster.Nodes[0]
	var before, after judges.Lynis
	var wg sync.WaitGroup
	wg.Go(func() { before = s.lynis(stock.Name) })
	wg.Go(func() { after = s.lynis(hardened.Name) })
	t.Run("ssh-audit", func(t *testing.T) { s.on(t).sshAudit(hardened.Address.String(), stock.Address) })
	t.Run("probe", func(t *testing.T) { s.on(t).probes(hardened, stock) })
	wg.Wait()
	t.Run("lynis", func(t *testing.T) { judgedByLynis(t, before, after) })
}

// console runs a command on a machine past its network.
func (s *site) console(machine string, stdin []byte, argv ...string) (string, error) {
	cmd, err := s.lab.ConsoleCommand(s.t.Context(), machine, argv...)
	if err != nil {
		return "", err
	}
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s on %s: %w\n%s", argv[0], machine, err, out)
	}
	return string(out), err
}

// lynis brings this machine's lynis, which is a shell script and its files, to
// a machine without internet and runs it there.
func (s *site) lynis(machine string) judges.Lynis {
	files, err := exec.CommandContext(s.t.Context(), "tar", "-C", "/", "-cf", "-", "usr/sbin/lynis", "usr/share/lynis", "etc/lynis").Output()
	if err != nil {
		s.t.Errorf("pack lynis: %v", err)
		return judges.Lynis{}
	}
	const report = "/run/lynis-report.dat"
	var out string
	for _, step := range []struct {
		stdin []byte
		argv  []string
	}{
		{files, []string{"tar", "-C", "/", "-xf", "-"}},
		{nil, []string{"lynis", "audit", "system", "--quick", "--no-colors", "--quiet", "--report-file", report}},
		{nil, []string{"cat", report}},
	} {
		if out, err = s.console(machine, step.stdin, step.argv...); err != nil && step.argv[0] != "lynis" { // it ends with 1 where it warns
			s.t.Errorf("run lynis: %v", err)
			return judges.Lynis{}
		}
	}
	l, err := judges.ParseLynis(out)
	if err != nil {
		s.t.Errorf("lynis on %s: %v\n%s", machine, err, out)
	}
	return l
}

// excused are the warnings of lynis that a machine of the lab cannot be
// without, each with the reason.
func excused() map[string]string {
	return map[string]string{
		"FIRE-4512": "the kernel of the machine below has iptables' modules, and lynis does not count rules of nftables",
	}
}

func judgedByLynis(t *testing.T, before, after judges.Lynis) {
	fmt.Printf("lynis: index %d stock, %d hardened (%d tests)\n", before.Index, after.Index, after.Tests)
	for _, w := range before.Warnings {
		fmt.Printf("lynis: stock machine: warning %s\n", w)
	}
	for _, w := range after.Warnings {
		fmt.Printf("lynis: hardened machine: warning %s\n", w)
		if excused()[w.ID] == "" {
			t.Errorf("lynis warns of the hardened machine: %s", w)
		}
	}
	if after.Index <= before.Index {
		t.Errorf("index %d before, %d after", before.Index, after.Index)
	}
}

// sshAudit allows what facts of two years later made wrong in Debian's
// ssh-audit 2.5.0: it does not know the marker of strict key exchange, and
// calls the post-quantum exchange an experiment, or by its name of today unknown.
func (s *site) sshAudit(hardened, stock string) {
	known := []string{
		"(kex) kex-strict-s-v00@openssh.com [warn] unknown algorithm",
		"(kex) sntrup761x25519-sha512@openssh.com [warn] using experimental algorithm",
		"(kex) sntrup761x25519-sha512 [warn] unknown algorithm",
	}
	complaints := func(address string) []judges.Complaint {
		cmd, out, errs := s.command("ssh-audit", "-n", "-l", "warn", address)
		r := s.finish(cmd.Run(), out, errs)
		list, err := judges.ParseSSHAudit(r.stdout)
		if err != nil {
			s.t.Fatalf("ssh-audit of %s: %v\n%s%s", address, err, r.stdout, r.stderr)
		}
		return list
	}
	plain, left := complaints(stock), complaints(hardened)
	fmt.Printf("ssh-audit: %d complaints about a stock machine, %d about a hardened one\n", len(plain), len(left))
	for _, c := range left {
		if !slices.Contains(known, c.String()) {
			s.t.Errorf("ssh-audit complains of the hardened machine: %s", c)
		}
	}
	if len(plain) <= len(left) {
		s.t.Errorf("no fewer complaints than about a stock machine: %v", plain)
	}
}

// listeners answer on many ports, in both families, of a machine whose
// firewall is to hide them.
const listeners = `
import socket, selectors
s = selectors.DefaultSelector()
for kind, ports in ((socket.SOCK_STREAM, (80, 443, 6443, 8080, 10250, 30080)), (socket.SOCK_DGRAM, (53, 8472, 30080, 51820))):
    for port in ports:
        l = socket.socket(socket.AF_INET6, kind)
        l.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        l.bind(("::", port))
        if kind == socket.SOCK_STREAM: l.listen(64)
        s.register(l, selectors.EVENT_READ, kind)
print("listening", flush=True)
while True:
    for key, _ in s.select():
        if key.data == socket.SOCK_STREAM: key.fileobj.accept()[0].close()
        else:
            data, peer = key.fileobj.recvfrom(64)
            key.fileobj.sendto(data, peer)
`

// listened are the ports of the listeners.
func listened() []judges.Port {
	return []judges.Port{
		{Network: "tcp", Number: 80}, {Network: "tcp", Number: 443}, {Network: "tcp", Number: 6443}, {Network: "tcp", Number: 8080}, {Network: "tcp", Number: 10250}, {Network: "tcp", Number: 30080},
		{Network: "udp", Number: 53}, {Network: "udp", Number: 8472}, {Network: "udp", Number: 30080}, {Network: "udp", Number: 51820},
	}
}

// probes knocks from the operator's place and from a stranger's, in both
// families, and wants of the hardened machine what the policy says and not a
// sound more.
func (s *site) probes(hardened inventory.Node, stock lab.Plain) {
	policy, err := hardening.NewPolicy(s.cluster, hardened, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{hardened.Name, stock.Name} {
		s.listen(name)
	}
	for _, stranger := range []bool{false, true} {
		for _, six := range []bool{false, true} {
			name := fmt.Sprintf("stranger %v, IPv6 %v", stranger, six)
			open := s.probe(stranger, s.addressOf(stock.Name, stock.Address, six))
			for _, p := range append(listened(), judges.Port{Network: "tcp", Number: 22}) {
				if open.Answers[key(p)] != judges.Open {
					s.t.Errorf("%s: %v of the stock machine is %s: the probe would prove nothing", name, p, open.Answers[key(p)])
				}
			}
			seen := s.probe(stranger, s.addressOf(hardened.Name, hardened.Address.String(), six))
			for port, answer := range seen.Answers {
				want := judges.Silent
				if port == fmt.Sprintf("tcp/%d", policy.SSHPort) && policy.Allows(seen.From) {
					want = judges.Open
				}
				if answer != want {
					s.t.Errorf("%s: %s of the hardened machine is %s, want %s", name, port, answer, want)
				}
			}
			fmt.Printf("probe: %s, from %s: %d ports asked, %d of them open\n", name, seen.From, len(seen.Answers), seen.count(judges.Open))
		}
	}
}

// listen starts the listeners of a machine; they end with it.
func (s *site) listen(machine string) {
	s.t.Helper()
	cmd, err := s.lab.ConsoleCommand(s.t.Context(), machine, "python3", "-c", listeners)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line := make([]byte, 9); true {
		if _, err := out.Read(line); err != nil || string(line) != "listening" {
			s.t.Fatalf("listeners on %s: %q, %v", machine, line, err)
		}
	}
}

// addressOf is a machine's address: the link's own for IPv6, which the LAN of
// the lab has not.
func (s *site) addressOf(machine, four string, six bool) string {
	s.t.Helper()
	if !six {
		return four
	}
	out, err := s.console(machine, nil, "ip", "-6", "-o", "addr", "show", "scope", "link")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, field := range strings.Fields(out) {
		if p, err := netip.ParsePrefix(field); err == nil {
			return p.Addr().String()
		}
	}
	s.t.Fatalf("%s has no IPv6 address:\n%s", machine, out)
	return ""
}

// probed is what one look from one place saw.
type probed struct {
	From    netip.Addr
	Answers map[string]judges.Answer // by "tcp/22"
}

func (p probed) count(a judges.Answer) (n int) {
	for _, got := range p.Answers {
		if got == a {
			n++
		}
	}
	return n
}

func key(p judges.Port) string { return fmt.Sprintf("%s/%d", p.Network, p.Number) }

// probeAddress names what TestInsideProbe is to look at.
const probeAddress = "K3SEDGE_E2E_PROBE"

// probe runs the prober in the operator's or the stranger's namespace.
func (s *site) probe(stranger bool, address string) (p probed) {
	s.t.Helper()
	command := s.lab.Command
	if stranger {
		command = s.lab.StrangerCommand
	}
	cmd, err := command(s.t.Context(), os.Args[0], "-test.run=^TestInsideProbe$", "-test.v")
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, probeAddress+"="+address)
	out, err := cmd.Output()
	_, document, found := strings.Cut(string(out), "probed: ")
	if err == nil && found {
		err = json.NewDecoder(strings.NewReader(document)).Decode(&p)
	}
	if err != nil || len(p.Answers) == 0 {
		s.t.Fatalf("probe %s: %v\n%s", address, err, out)
	}
	return p
}

// TestInsideProbe is the part of TestJudges that knocks.
func TestInsideProbe(t *testing.T) {
	at := os.Getenv(probeAddress)
	if at == "" {
		t.Skip("is run by TestJudges, in the namespaces of the lab")
	}
	address := netip.MustParseAddr(at)
	if address.Is6() {
		address = address.WithZone(lanInterface(t))
	}
	var ports []judges.Port
	for n := range uint16(1024) {
		ports = append(ports, judges.Port{Network: "tcp", Number: n + 1})
	}
	for _, n := range []uint16{2379, 2380, 3000, 5001, 6444, 8472, 9000, 9100, 9345, 10010, 10248, 10249, 10256, 10257, 10258, 10259, 30000, 32767, 51820} {
		ports = append(ports, judges.Port{Network: "tcp", Number: n})
	}
	for _, n := range []uint16{67, 111, 123, 161, 500, 4789, 51821} {
		ports = append(ports, judges.Port{Network: "udp", Number: n})
	}
	ports = append(ports, listened()...)
	p := probed{From: lanAddress(t, address), Answers: map[string]judges.Answer{}}
	for port, answer := range (judges.Prober{Patience: 2 * time.Second, AtOnce: 512}).Probe(t.Context(), address, ports) {
		p.Answers[key(port)] = answer
	}
	document, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("probed: %s\n", document)
}

// lanInterface is the one that has an address of the lab's LAN.
func lanInterface(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil && netip.MustParsePrefix(lab.Network).Contains(p.Addr()) {
				return i.Name
			}
		}
	}
	t.Fatal("no interface in the lab's LAN")
	return ""
}

// lanAddress is where packets to an address come from.
func lanAddress(t *testing.T, to netip.Addr) netip.Addr {
	t.Helper()
	conn, err := net.Dial("udp", netip.AddrPortFrom(to, 9).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return netip.MustParseAddrPort(conn.LocalAddr().String()).Addr().WithZone("")
}
