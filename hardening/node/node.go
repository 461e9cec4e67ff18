package node

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// StateDir is where the agent keeps what it needs for the way back.
const StateDir = "/var/lib/k3sedge"

// The table that is ours; no other one is ever written.
const (
	ownFamily = "inet"
	ownTable  = "k3sedge"
)

// Runner runs the host's programs.
type Runner interface {
	// Run returns what the program printed. A non-zero exit is an *exitError.
	Run(ctx context.Context, c Command) (string, error)
}

// Kernel reads nftables through netlink.
type Kernel interface {
	// Ruleset reads all tables.
	Ruleset() (*firewall.Ruleset, error)
	// Decide says what the ruleset does with each of the packets.
	Decide(rules *firewall.Ruleset, packets []firewall.Packet) ([]firewall.Decision, error)
	// Links names the interfaces.
	Links() ([]string, error)
	// Scratch loads nft text into an empty network namespace and reads it back.
	Scratch(ctx context.Context, ruleset string) (*firewall.Table, error)
}

// Host is the machine the agent works on: its files, programs, kernel and
// clock, so that a test can put others in their place.
type Host struct {
	Root   string // before every path; "" on a real host
	Runner Runner
	Kernel Kernel
	Now    func() time.Time
	Clock  func() (facts.Clock, error)
	PID    int    // the agent's own process
	Agent  string // the agent's own program file
	// Dial opens a connection; nil is the ordinary one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Step is called before each side effect of a transaction; an error stops
	// there. It is nil on a real host: tests use it to crash anywhere.
	Step func(name string) error
}

// NewHost returns the machine that the agent runs on.
func NewHost() Host {
	return Host{
		Runner: programs{}, Kernel: netlinkKernel{}, Now: time.Now, Clock: kernelClock,
		PID: os.Getpid(), Agent: "/proc/self/exe",
	}
}

// path is where path of the host is found.
func (h Host) path(path string) string { return filepath.Join(h.Root, path) }

func (h Host) step(name string) error {
	if h.Step == nil {
		return nil
	}
	return h.Step(name)
}
