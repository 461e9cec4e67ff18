//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/hardening/agent"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// fleetSize is how many machines the large fleet has.
const fleetSize = 200

// BenchmarkFleet audits 200 SSH endpoints and prints time and memory for each.
// They are stand-ins on loopback, which answer with facts that the real agent
// has told of the machine below; the work of both ends is on the same cores.
func BenchmarkFleet(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("left out: the node agent tells its facts to root only")
	}
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", "k3sedge"))
	if err != nil {
		b.Fatal(err)
	}
	path, err := agent.Embedded{}.Path(runtime.GOARCH)
	if err != nil {
		b.Fatal(err)
	}
	document := tellFacts(b, program, path)
	one, all := newFleet(b, 1, path, document), newFleet(b, fleetSize, path, document)
	var took, cpu []time.Duration
	var single, most cost
	for b.Loop() {
		single = one.audit(b, program)
		most = all.audit(b, program)
		took, cpu = append(took, most.took), append(cpu, most.cpu)
	}
	each, memory := inMS(median(took))/fleetSize, (most.memory-single.memory)/(fleetSize-1)
	b.ReportMetric(each, "ms/host")
	b.ReportMetric(float64(memory)/1024, "KiB/host")
	fmt.Printf("fleet of %d: %.0f ms, %.1f ms a host, of which k3sedge works %.1f ms; %.1f MiB, %d KiB a host above the %.1f MiB of one\n",
		fleetSize, inMS(median(took)), each, inMS(median(cpu))/fleetSize, float64(most.memory)/(1<<20), memory/1024, float64(single.memory)/(1<<20))
}

// cost is what one run of a program took.
type cost struct {
	took, cpu time.Duration
	memory    int64 // at most, in bytes
}

// fleetOf is a project of existing machines.
type fleetOf struct{ file string }

// newFleet starts n servers at the same port, each with the canned answer.
func newFleet(b *testing.B, n int, path string, document []byte) fleetOf {
	b.Helper()
	key, public := sshtest.NewKey(b, "")
	c := inventory.Cluster{
		APIVersion: inventory.APIVersion, Kind: "Cluster", Name: "home", ID: inventory.NewID(),
		Provider: inventory.Provider{Existing: &inventory.Existing{}},
		Network:  inventory.Network{CIDR: netip.MustParsePrefix("127.0.0.0/8")},
		SSH:      inventory.SSH{User: sshtest.User, Identities: []string{key}, AuthorizedKeys: []string{public}},
	}
	port := "0"
	for i := range n {
		address := netip.AddrFrom4([4]byte{127, 0, byte(1 + i/200), byte(1 + i%200)})
		s := sshtest.StartAt(b, address.String()+":"+port, public)
		if document != nil {
			s.Canned(path+" facts", document)
		} else {
			s.Program(path, recorder(b))
		}
		at := netip.MustParseAddrPort(s.Address)
		port, c.SSH.Port = fmt.Sprint(at.Port()), int(at.Port())
		c.Nodes = append(c.Nodes, inventory.Node{Name: fmt.Sprintf("edge-%d", i+1), Address: address, HostKey: s.HostKey()})
	}
	inventory.Default(&c)
	text, err := yaml.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	f := fleetOf{filepath.Join(b.TempDir(), "k3sedge.yaml")}
	if err := os.WriteFile(f.file, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return f
}

// audit runs harden --check.
func (f fleetOf) audit(b *testing.B, program string) cost {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), program, "harden", "--check", "--format", "json", "--file", f.file)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	took := timed(func() {
		var exit *exec.ExitError
		if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
			b.Fatal(err)
		}
	})
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 && code != 4 || bytes.Contains(out.Bytes(), []byte(`"error":`)) || out.Len() == 0 {
		b.Fatalf("harden --check: exit %d\n%.2000s\n%.2000s", code, errs.String(), out.String())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatal("the kernel does not tell how much memory it took")
	}
	return cost{took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss * 1024}
}

// recorded is where the recorder puts the facts.
const recorded = "K3SEDGE_FACTS"

// recorder is a script that runs the real agent and keeps what it tells.
func recorder(b *testing.B) string {
	b.Helper()
	a, err := agent.Embedded{}.For(runtime.GOARCH)
	if err != nil {
		b.Fatal(err)
	}
	real := filepath.Join(b.TempDir(), "agent")
	if err := os.WriteFile(real, a.Content, 0o700); err != nil {
		b.Fatal(err)
	}
	return "#!/bin/sh\n" + real + " \"$@\" | tee " + os.Getenv(recorded) + "\n"
}

// tellFacts is what the real agent says of this machine when an audit asks it.
func tellFacts(b *testing.B, program, path string) []byte {
	b.Helper()
	file := filepath.Join(b.TempDir(), "facts.json")
	b.Setenv(recorded, file)
	newFleet(b, 1, path, nil).audit(b, program)
	document, err := os.ReadFile(file)
	if err != nil || len(document) < 1000 {
		b.Fatalf("the agent told nothing: %v, %q", err, document)
	}
	return document
}
