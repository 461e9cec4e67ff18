package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/report"
	"github.com/k3sedge/k3sedge/testinfra/verify/probe"
)

func TestPromisesAreASpecification(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range Promises() {
		if p.Name == "" || p.Says == "" || p.check == nil || seen[p.Name] {
			t.Errorf("%+v", p)
		}
		seen[p.Name] = true
		for _, id := range p.Controls {
			if !slices.Contains(hardening.ControlIDs(), id) {
				t.Errorf("%s stands for %s, which is no control", p.Name, id)
			}
		}
		if strings.HasPrefix(p.Name, again) && p.Looks() {
			t.Errorf("%s is looked at without a restart", p.Name)
		}
	}
}

func TestWhatIsLeftOutSaysWhy(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	r.verdict(t, "ports-from-third", LeftOut, "--third")
	r.verdict(t, "lock-out-is-rolled-back", LeftOut, "--disruptive")
	r.site.Disruptive = true
	r.verdict(t, "one-machine-killed", LeftOut, "power switch")
	r.verdict(t, again+"all-controls-hold", LeftOut, "not restarted")
	r.change("edge-2", func(m *machineFacts) { m.Virt = "lxc" })
	r.verdict(t, "controls-of-the-kernel", LeftOut, "edge-2 is a container (lxc)")
	r.results = append(r.results, Result{Name: "root-login-refused", Verdict: Broken})
	r.verdict(t, "drift-is-found-and-mended", LeftOut, "root-login-refused is not kept")
	r.cluster.K3s = nil
	r.verdict(t, "service-end-to-end", LeftOut, "no k3s section")
	r.cluster.Nodes = r.cluster.Nodes[:1]
	r.verdict(t, "ports-from-peer", LeftOut, "one node")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted by the test"))
	if got := r.Check(ctx, named(t, "no-needless-services")); got.Verdict != Unseen || !strings.Contains(got.Reason, "interrupted") {
		t.Errorf("%+v", got)
	}
}

func TestLoginsAreJudged(t *testing.T) {
	t.Parallel()
	denied := answer{stderr: "admin@10.77.0.11: Permission denied (publickey).", code: 5}
	r, f := newRun(t, denied)
	r.verdict(t, "password-login-refused", Kept, "")
	r.verdict(t, "root-login-refused", Kept, "")
	if len(f.asked) != 6 {
		t.Errorf("%d logins, want three at each node: %q", len(f.asked), f.asked)
	}
	r.change("edge-2", func(m *machineFacts) {
		m.SSHD = map[string]map[string]string{"root": {"permitrootlogin": "prohibit-password"}}
	})
	r.verdict(t, "root-login-refused", Broken, `edge-2: sshd has permitrootlogin "prohibit-password"`)
	r.verdict(t, "password-login-refused", Broken, `edge-2: sshd has passwordauthentication ""`)

	r, _ = newRun(t, answer{stderr: "Permission denied (publickey,password).", code: 5})
	r.verdict(t, "password-login-refused", Broken, "edge-1 offers admin the methods publickey,password")
	r, _ = newRun(t, answer{})
	r.verdict(t, "root-login-refused", Broken, "root logs in at edge-1")
	r.verdict(t, "unknown-key-refused", Broken, "admin logs in at edge-1 with a key that nobody knows")
	r, _ = newRun(t, answer{stderr: "Connection timed out", code: 5})
	r.verdict(t, "root-login-refused", Unseen, "neither in nor refused")
}

// probed are answers of a prober that saw these ports open on each address.
func probed(t *testing.T, from string, open map[string][]uint16) answer {
	t.Helper()
	var a probe.Answer
	for _, address := range []string{"10.77.0.11", "fe80::5054:ff:fe12:3456", "10.77.0.12", "fd00:1::12", "fe80::5054:ff:fe12:3456"} {
		s := probe.Seen{Address: netip.MustParseAddr(address), From: netip.MustParseAddr(from), Asked: 65535, Open: open[address]}
		if s.Address.Is6() {
			s.From = netip.MustParseAddr("fd00:1::2")
			s.OffLink = s.Address.IsLinkLocalUnicast()
		}
		a.Seen = append(a.Seen, s)
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return answer{holds: "probe", stdout: string(text)}
}

func TestExactlyThePromisedPortsAnswer(t *testing.T) {
	t.Parallel()
	good := map[string][]uint16{"10.77.0.11": {22, 80, 443}, "10.77.0.12": {22, 80, 443}, "fd00:1::12": {80, 443}}
	r, _ := newRun(t, probed(t, "10.77.0.2", good))
	r.verdict(t, "ports-from-outside", Kept, "")
	for name, c := range map[string]struct {
		address, want string
		open          []uint16
	}{
		"one too many": {"10.77.0.12", "edge-2 at 10.77.0.12, asked from 10.77.0.2: tcp/9100 is open", []uint16{22, 80, 443, 9100}},
		"one shut":     {"fd00:1::12", "tcp/443 was promised and does not answer", []uint16{80}},
		"SSH by IPv6":  {"fd00:1::12", "tcp/22 is open", []uint16{22, 80, 443}},
	} {
		open := map[string][]uint16{"10.77.0.11": {22, 80, 443}, "10.77.0.12": {22, 80, 443}, "fd00:1::12": {80, 443}}
		open[c.address] = c.open
		r, _ := newRun(t, probed(t, "10.77.0.2", open))
		got := r.Check(t.Context(), named(t, "ports-from-outside"))
		if got.Verdict != Broken || !strings.Contains(got.Reason, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	r, _ = newRun(t, answer{holds: "probe", stdout: `{"seen":[]}`})
	r.verdict(t, "ports-from-outside", Unseen, "answered 0 of 5 targets")
	r, _ = newRun(t, answer{holds: "probe", stdout: `{"seen":[{},{},{},{},{}]}`})
	r.verdict(t, "ports-from-outside", Unseen, "none was asked")
	r, _ = newRun(t, answer{holds: "probe", stderr: "exec format error", code: 1})
	r.verdict(t, "ports-from-outside", Unseen, "exec format error")
}

func TestWhoMayReachWhat(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	for _, c := range []struct {
		node int
		from string
		want []uint16
		udp  []uint16
	}{
		{0, "10.77.0.2", []uint16{22, 80, 443}, nil}, {0, "10.77.0.12", []uint16{80, 443, 6443, 10250}, []uint16{8472}},
		{1, "10.77.0.11", []uint16{80, 443, 10250}, []uint16{8472}}, {1, "203.0.113.7", nil, nil},
		{0, "fd00:1::12", []uint16{80, 443, 6443, 10250}, []uint16{8472}}, {0, "fe80::1", nil, nil},
	} {
		n, from := r.cluster.Nodes[c.node], netip.MustParseAddr(c.from)
		if tcp, udp := r.promised(n, from), r.promisedUDP(n, from); !slices.Equal(tcp, c.want) || !slices.Equal(udp, c.udp) {
			t.Errorf("%d from %s: %v and %v, want %v and %v", c.node, c.from, tcp, udp, c.want, c.udp)
		}
	}
	r.cluster.K3s = nil
	peer := netip.MustParseAddr("10.77.0.12")
	if tcp, udp := r.promised(r.cluster.Nodes[0], peer), r.promisedUDP(r.cluster.Nodes[0], peer); tcp != nil || udp != nil {
		t.Errorf("without K3s: %v, %v", tcp, udp)
	}
}

func TestServicesAndOrder(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	r.verdict(t, "no-needless-services", Kept, "")
	r.verdict(t, "firewall-before-network", Kept, "")
	r.change("edge-1", func(m *machineFacts) {
		m.Listeners = append(m.Listeners, listener{"tcp", netip.MustParseAddr("::"), 111, "rpcbind"})
		m.Enabled = append(m.Enabled, "cups.service")
	})
	r.verdict(t, "no-needless-services", Broken, "edge-1: rpcbind listens at tcp/111\nedge-1: cups.service is enabled")
	r.change("edge-1", func(m *machineFacts) { m.Order["nftables.service"] = unitTimes{4_000_000, 6_000_000} })
	r.verdict(t, "firewall-before-network", Broken, "systemd-networkd.service began 3.700 s before the firewall was up")
	r.change("edge-1", func(m *machineFacts) { m.Order["nftables.service"] = unitTimes{} })
	r.verdict(t, "firewall-before-network", LeftOut, "only a restart shows the order")
	r.restart = true
	r.verdict(t, "firewall-before-network", Broken, "nftables.service is not active")
}

// audited is a report in which some controls of edge-2 have a status of their own.
func audited(t *testing.T, code int, other map[string]hardening.Status) answer {
	t.Helper()
	var d report.Document
	for _, name := range []string{"edge-1", "edge-2"} {
		n := report.Node{Name: name}
		for _, id := range hardening.ControlIDs() {
			f := report.Finding{Finding: hardening.Finding{ID: id, Title: "title", Status: hardening.Pass, Have: "it"}}
			if s := other[id]; s != "" && name == "edge-2" {
				f.Status = s
			}
			n.Findings = append(n.Findings, f)
		}
		d.Nodes = append(d.Nodes, n)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return answer{holds: "harden --check", stdout: string(text), code: code}
}

func TestControlsAreToldOnce(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t, audited(t, 0, nil))
	for _, name := range []string{"controls-of-the-kernel", "controls-of-the-boot", "controls-of-the-filesystem", "all-controls-hold"} {
		r.verdict(t, name, Kept, "")
	}
	r, _ = newRun(t, audited(t, 3, map[string]hardening.Status{"KRN-07": hardening.Fail}))
	r.verdict(t, "controls-of-the-kernel", Broken, "edge-2: KRN-07")
	r.verdict(t, "all-controls-hold", Kept, "")
	r, _ = newRun(t, audited(t, 3, map[string]hardening.Status{"KRN-07": hardening.Fail}))
	r.verdict(t, "all-controls-hold", Broken, "edge-2: KRN-07")
	r, _ = newRun(t, audited(t, 0, map[string]hardening.Status{"FS-03": hardening.NotApplicable}))
	r.verdict(t, "controls-of-the-filesystem", Broken, `"not applicable"`)
	r.verdict(t, "all-controls-hold", Kept, "")
	r, _ = newRun(t, audited(t, 4, map[string]hardening.Status{"LOG-02": hardening.Unknown}))
	r.verdict(t, "controls-of-the-boot", Unseen, "LOG-02")
	r.verdict(t, "all-controls-hold", Unseen, "LOG-02")
	r, _ = newRun(t, answer{holds: "harden --check", stdout: `{"nodes":[{"node":"edge-1"},{"node":"edge-2"}]}`})
	r.verdict(t, "all-controls-hold", Unseen, "0 findings on edge-1")
	r, _ = newRun(t, answer{holds: "harden --check", stdout: `{"nodes":[{"node":"edge-1","error":"no route"},{"node":"edge-2"}]}`, code: 4})
	r.verdict(t, "all-controls-hold", Unseen, "could not look at edge-1: no route")
	r, _ = newRun(t, answer{holds: "harden --check", stderr: "error: broken", code: 1})
	r.verdict(t, "all-controls-hold", Unseen, "error: broken")
}

func TestWhatCouldNotBeLookedAtIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	unseen := audited(t, 4, map[string]hardening.Status{"KRN-07": hardening.Unknown})
	soon := unseen
	soon.once = true
	all := audited(t, 0, nil)
	for what, c := range map[string]struct {
		answers []answer
		looks   int
		code    int
	}{
		"at once":        {[]answer{all}, 1, 0},
		"a little later": {[]answer{soon, soon, all}, 3, 0},
		"never":          {[]answer{unseen}, mostLooks, 4},
	} {
		r, f := newRun(t, c.answers...)
		if a, err := r.audit(t.Context()); err != nil || len(f.asked) != c.looks || a.code != c.code {
			t.Errorf("%s: %d looks that ended with %d, want %d with %d: %v", what, len(f.asked), a.code, c.looks, c.code, err)
		}
	}
}

func TestASecondUp(t *testing.T) {
	t.Parallel()
	line := func(kind, stage string) string {
		return fmt.Sprintf(`{"kind":%q,"stage":%q,"subject":"edge-1","step":"a/step"}`+"\n", kind, stage)
	}
	up := func(code int, lines ...string) answer {
		return answer{holds: "up --plan", stdout: strings.Join(lines, ""), code: code}
	}
	r, _ := newRun(t, up(0, line("step-holds", "hardening")))
	r.verdict(t, "second-up-changes-nothing", Kept, "")
	r, _ = newRun(t, up(3, line("step-differs", "traefik")))
	r.verdict(t, "second-up-changes-nothing", Broken, "up would change traefik: edge-1 a/step")
	r, _ = newRun(t, up(3, line("step-differs", "hardening")))
	r.verdict(t, "second-up-changes-nothing", Broken, "up would change hardening")
	r.results = []Result{{Name: "ports-from-outside", Verdict: Broken}}
	r.verdict(t, "second-up-changes-nothing", Kept, "")
	r, _ = newRun(t, up(0))
	r.verdict(t, "second-up-changes-nothing", Unseen, "told of no step")
	r, _ = newRun(t, up(4, line("step-unknown", "machines")))
	r.verdict(t, "second-up-changes-nothing", Unseen, "ended with 4")
}
