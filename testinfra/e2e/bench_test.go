//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkTwoWarmMachines measures what is done again and again, on two
// hardened machines. Each check is followed by `ssh HOST true` to both
// machines at once, so that the load of the moment weighs on both alike.
func BenchmarkTwoWarmMachines(b *testing.B) {
	s := newLab(b, "e2e-bench")
	s.must(0, "up")
	s.must(0, "harden", "--check")
	var check, login, up time.Duration
	b.Run("HardenCheck", func(b *testing.B) {
		s := s.on(b)
		var checks, logins []time.Duration
		for b.Loop() {
			checks = append(checks, timed(func() { s.must(0, "harden", "--check") }))
			b.StopTimer()
			logins = append(logins, timed(s.sshTrue))
			b.StartTimer()
		}
		check, login = median(checks), median(logins)
		b.ReportMetric(inMS(check), "ms/check")
		b.ReportMetric(inMS(login), "ms/ssh-true")
		b.ReportMetric(inMS(check)/inMS(login), "check/ssh-true")
	})
	b.Run("SecondUp", func(b *testing.B) {
		s := s.on(b)
		var ups []time.Duration
		for b.Loop() {
			ups = append(ups, timed(func() { s.must(0, "up") }))
		}
		up = median(ups)
		b.ReportMetric(inMS(up), "ms/up")
	})
	if check > 0 && up > 0 { // both were asked for
		// A benchmark with others inside has no log of its own without -v.
		fmt.Printf("medians, two warm machines: harden --check %.0f ms, ssh HOST true %.0f ms (ratio %.2f); second up %.0f ms\n",
			inMS(check), inMS(login), inMS(check)/inMS(login), inMS(up))
	}
}

// sshTrue logs in to all machines at the same time with OpenSSH.
func (s *site) sshTrue() {
	s.t.Helper()
	var waits []func() error
	for i := range s.cluster.Nodes {
		cmd, _, _ := s.command(s.sshArgs(i, "true")...)
		if err := cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		waits = append(waits, cmd.Wait)
	}
	for i, wait := range waits {
		if err := wait(); err != nil {
			s.t.Fatalf("ssh %s true: %v", s.cluster.Nodes[i].Name, err)
		}
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// TestCheckOpensOneConnectionToEachNode counts what the nodes' kernels
// accepted, so that a connection counts however it ends.
func TestCheckOpensOneConnectionToEachNode(t *testing.T) {
	s := newLab(t, "e2e-check")
	s.must(0, "up")
	// To read the counter is itself a connection, which has to be the only one.
	nothing := s.accepted(func() {})
	check := s.accepted(func() { s.must(0, "harden", "--check") })
	for i, n := range s.cluster.Nodes {
		if nothing[i] != 1 {
			t.Fatalf("%s accepted %d connections while one was made: it cannot be counted here", n.Name, nothing[i])
		}
		if check[i]-nothing[i] != 1 {
			t.Errorf("%s accepted %d connections of harden --check, want 1", n.Name, check[i]-nothing[i])
		}
	}
}

// accepted returns how many TCP connections each node accepted from the time
// before f to the time after it, the last look included. Those that the agent
// opens to its own node's servers are not counted: it asks sshd what it offers.
func (s *site) accepted(f func()) []int {
	s.t.Helper()
	look := func() []int {
		var out []int
		for i := range s.cluster.Nodes {
			snmp := s.onNode(i, "cat /proc/net/snmp")
			out = append(out, tcpCount(s.t, snmp, "PassiveOpens")-tcpCount(s.t, snmp, "ActiveOpens"))
		}
		return out
	}
	before := look()
	f()
	after := look()
	for i := range after {
		after[i] -= before[i]
	}
	return after
}

// tcpCount finds a counter of TCP by its name: a line of names stands above each
// line of numbers.
func tcpCount(t testing.TB, snmp, name string) int {
	t.Helper()
	var names []string
	for _, line := range strings.Split(snmp, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		if i := slices.Index(names, name); i >= 0 && i < len(fields) {
			n, err := strconv.Atoi(fields[i])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in\n%s", name, snmp)
	return 0
}
