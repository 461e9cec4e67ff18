package k3s

import (
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// sound is a look at an agent that has nothing wrong but that it does not run.
func sound() evidence {
	return evidence{
		node: "edge-2", unit: agentUnit, server: "edge-1", dial: &look.DialAnswer{Outcome: look.Answered},
		now: &seen{Answer: look.Answer{
			Units:    map[string]look.Unit{agentUnit: {Active: "activating", Sub: "start"}},
			Spaces:   map[string]look.Space{dataDir: {Free: 5 << 30, Total: 20 << 30}},
			Journals: map[string]look.Journal{agentUnit: {Lines: []string{"Starting k3s agent", "Waiting"}}},
		}},
	}
}

func journal(lines ...string) func(*evidence) {
	return func(e *evidence) { e.now.Journals[agentUnit] = look.Journal{Lines: lines} }
}

// The lines are K3s' own, from its sources and from reports of it.
func TestLikelyCause(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		is    func(*evidence)
		want  string
		hint  string
		final bool
	}{
		"nothing":    {func(*evidence) {}, "", "", false},
		"no journal": {func(e *evidence) { e.now.Journals = nil }, "", "", false},
		"wrong authority": {
			journal(`level=error msg="token CA hash does not match the Cluster CA certificate hash: 12 != 34"`),
			"its token names another cluster's authority", "make it anew", true,
		},
		"wrong token": {
			journal(`level=fatal msg="Error: failed to retrieve configuration from server: not authorized"`),
			"the cluster does not accept its token", "agent-token", true,
		},
		"wrong token, older": {
			journal(`level=info msg="Waiting to retrieve agent configuration; server is not ready: https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized"`),
			"the cluster does not accept its token", "agent-token", true,
		},
		"wrong token of a server": {
			journal(`level=fatal msg="Error: preparing server: failed to bootstrap cluster data: not authorized"`),
			"the cluster does not accept its token", "agent-token", true,
		},
		"rebuilt": {
			journal(`level=info msg="Waiting to retrieve agent configuration; server is not ready: Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match"`),
			passwordRejected, "NAME.node-password.k3s", true,
		},
		"other token": {
			journal(`level=fatal msg="Error: preparing server: failed to bootstrap cluster data: bootstrap data already found and encrypted with different token"`),
			"the token is not the one by which the server's data are encrypted", "from a backup", true,
		},
		"duplicate member": {
			journal(`level=fatal msg="etcd cluster join failed: duplicate node name found, please use a unique name for this node"`),
			"a server of this name is in etcd already", "delete the Node", true,
		},
		"kernel": {
			journal(`"Failed to start ContainerManager" err="[invalid kernel flag: kernel/panic, expected value: 10, actual value: 0]"`),
			"the kernel is not set as protect-kernel-defaults demands", "`k3sedge harden`", true,
		},
		"port": {
			journal(`level=fatal msg="listen tcp 0.0.0.0:6443: bind: address already in use"`),
			"a port that K3s needs is taken", "ss -ltnp", true,
		},
		"certificates": {
			journal(`x509: certificate has expired or is not yet valid: current time 2024-01-01T00:00:00Z is before`),
			"a clock is wrong: a certificate is not valid yet, or no longer", "timedatectl", false,
		},
		"unknown argument":         {journal(`level=fatal msg="kubelet exited: failed to parse kubelet flag: unknown flag: --nope"`), "this K3s does not know an argument in config.yaml", "k3s.version", true},
		"unknown key, passed over": {journal(`level=warning msg="Unknown flag --nope found in config.yaml, skipping\n"`), "", "", false},
		"architecture":             {journal(`k3s-agent.service: Failed to execute /usr/local/bin/k3s: Exec format error`), "the binary is made for another kind of processor", "k3s.binary", true},
		"cgroups":                  {journal(`level=fatal msg="failed to find memory cgroup (v2)"`), "the kernel does not count memory for control groups", "cgroup_enable=memory", true},
		"disk": {
			func(e *evidence) { e.now.Spaces[dataDir] = look.Space{Free: 1 << 20, Total: 20 << 30} },
			"the disk is full", "nodes[].disk", true,
		},
		"space was not seen": {func(e *evidence) { e.now.Spaces[dataDir] = look.Space{Err: "no permission"} }, "", "", false},
		"clock before all the journal says": {
			func(e *evidence) {
				e.now.skew = -2 * time.Hour
				journal("x509: certificate has expired or is not yet valid")(e)
			}, "the clock of edge-2 is 2h0m0s behind of this machine's", "timedatectl", false,
		},
		"6443 is blocked":           {func(e *evidence) { e.dial.Outcome = look.TimedOut }, "edge-2 does not reach edge-1 on 6443/tcp: the packets are dropped", "`k3sedge harden`", false},
		"the server does not run":   {func(e *evidence) { e.dial.Outcome = look.Refused }, "nothing listens on 6443/tcp of edge-1", "systemctl status k3s.service", false},
		"a server has no one ahead": {func(e *evidence) { e.dial = nil }, "", "", false},
		"it crashes": {
			func(e *evidence) {
				e.now.Units[agentUnit] = look.Unit{Active: "activating", Sub: "auto-restart", Restarts: 3, Exit: 2, Result: "exit-code"}
			}, "K3s ends by itself (exit-code, exit code 2, started 4 times)", "journalctl -u k3s-agent.service", false,
		},
	} {
		e := sound()
		tc.is(&e)
		got := e.judge()
		if got.what != tc.want || !strings.Contains(got.hint, tc.hint) || got.final != tc.final {
			t.Errorf("%s: %+v, wanted %q", name, got, tc.want)
		}
	}
}

func TestEveryCauseHasWordsAndASource(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range causes() {
		if c.what == "" || c.hint == "" || c.source == "" || len(c.phrases) == 0 || seen[c.what] {
			t.Errorf("%+v", c)
		}
		seen[c.what] = true
		if got := named(c.what); got.hint != c.hint {
			t.Errorf("named %q is %+v", c.what, got)
		}
	}
}

func TestWhatWasSeen(t *testing.T) {
	t.Parallel()
	e := sound()
	e.dial.Outcome, e.dial.Err = look.TimedOut, "i/o timeout"
	e.dropped = []string{"firewall of edge-1: 7 packets dropped by guard: not published"}
	e.now.Counters = []look.Counter{{Chain: "input", Rule: "drop", Packets: 3}, {Chain: "input", Rule: "other"}}
	e.ports = []uint16{80, 443}
	e.now.Ports = []look.Port{{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "apache2"}, {Proto: "tcp", Port: 22, Process: "sshd"}, {Proto: "udp", Port: 443}}
	journal("401 Unauthorized for canary", "1", "2", "3", "4", "5 canary")(&e)
	text := strings.Join(e.seen(func(s string) string { return strings.ReplaceAll(s, "canary", "***") }), "\n")
	for _, want := range []string{
		"k3s-agent.service: activating (start)", "5120 MiB; clock: 0s", "6443/tcp of edge-1: timed out i/o timeout", "edge-1: 7 packets",
		"firewall of edge-2: 3 packets dropped by input: drop", "journal: 401 Unauthorized for ***", "5 ***",
		"listens at 80: apache2; at 443: nobody",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "canary") || strings.Contains(text, "other") || strings.Contains(text, "sshd") {
		t.Errorf("too much in\n%s", text)
	}
	e.now.Journals[agentUnit] = look.Journal{Err: "no permission"}
	if text := strings.Join(e.seen(func(s string) string { return s }), "\n"); !strings.Contains(text, "journal: no permission") {
		t.Errorf("a journal that was not seen is not told:\n%s", text)
	}
	e.now.Ports, e.now.Failed = nil, map[string]string{"ports": "no /proc"}
	if text := strings.Join(e.seen(func(s string) string { return s }), "\n"); !strings.Contains(text, "listeners: no /proc") || strings.Contains(text, "nobody") {
		t.Errorf("listeners that were not seen are not told:\n%s", text)
	}
}

func TestDropped(t *testing.T) {
	t.Parallel()
	before := []look.Counter{{Chain: "guard", Rule: "a", Packets: 5}, {Chain: "guard", Rule: "b", Packets: 5}, {Chain: "guard", Rule: "c", Packets: 9}}
	after := []look.Counter{{Chain: "guard", Rule: "a", Packets: 8}, {Chain: "guard", Rule: "b", Packets: 5}, {Chain: "guard", Rule: "c", Packets: 2}, {Chain: "input", Rule: "a", Packets: 1}}
	got := strings.Join(dropped("n", before, after), "; ")
	// The table was loaded anew in between where a counter has shrunk.
	if want := "firewall of n: 3 packets dropped by guard: a; firewall of n: 1 packets dropped by input: a"; got != want {
		t.Errorf("got %s", got)
	}
}
