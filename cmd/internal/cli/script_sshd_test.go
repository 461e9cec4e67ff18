package cli

import (
	"net/netip"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/k3sedge/k3sedge/hardening/agent"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// sshNode is the one node of a script's existing machines.
type sshNode struct{ *sshtest.Server }

// noAgent stands in the place of the node agent. Without it, k3sedge would
// put the real one on this computer.
const noAgent = "#!/bin/sh\necho 'no agent in this test' >&2\nexit 70\n"

// sshdCommand is the command sshd of the scripts:
//
//	sshd             begins an SSH server and writes k3sedge.yaml and a key pair for it
//	sshd locked      the same, with an encrypted key; its passphrase is $CANARY
//	sshd agent FILE  makes FILE the node agent, a shell script
//	sshd refuse      lets nobody in any more
//	sshd rekey       gives it another host key
//	sshd sudo        lets its sudo ask for a password
//	sshd hang        lets it accept connections and say nothing
//	sshd wait        waits until somebody is connected
//	sshd gone        ends it
func sshdCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	if neg {
		ts.Fatalf("sshd cannot be negated")
	}
	switch {
	case word == "":
		w.startNode("")
		w.node.tell(ts)
	case word == "locked":
		w.startNode(canary)
		w.node.tell(ts)
	case word == "agent" && len(args) == 2:
		w.node.agent(ts.ReadFile(args[1]))
	case word == "refuse":
		w.node.RefuseLogins(1 << 30)
	case word == "rekey":
		w.node.ChangeHostKey()
		w.node.tell(ts)
	case word == "sudo":
		w.node.SudoPassword(true)
	case word == "hang":
		w.node.Hang(true)
	case word == "wait":
		w.node.await(ts)
	case word == "gone":
		w.node.Close()
	default:
		ts.Fatalf("sshd: do not know %q", args)
	}
}

// startNode begins the server and writes the file, with the changes to it.
func (w *world) startNode(passphrase string, changes ...func(*inventory.Cluster)) {
	w.node = &sshNode{sshtest.Start(w.t)}
	at, err := netip.ParseAddrPort(w.node.Address)
	w.check(err)
	c := inventory.Cluster{
		APIVersion: inventory.APIVersion, Kind: "Cluster", Name: "home", ID: inventory.NewID(),
		Provider: inventory.Provider{Existing: &inventory.Existing{}},
		Network:  inventory.Network{CIDR: netip.MustParsePrefix("127.0.0.0/8")},
		SSH:      inventory.SSH{User: sshtest.User, Port: int(at.Port())},
		Nodes:    []inventory.Node{{Name: "edge-1", Address: at.Addr()}},
	}
	for _, change := range changes {
		change(&c)
	}
	w.node.Authorize(w.writeProject(c, passphrase))
	w.node.agent(noAgent)
}

// agent puts a script in the place of the node agent of every architecture.
func (n *sshNode) agent(script string) {
	for _, arch := range []string{"amd64", "arm64"} {
		path, err := agent.Embedded{}.Path(arch)
		if err != nil {
			continue // not built, so that k3sedge asks for none
		}
		n.Program(path, script)
	}
}

func (n *sshNode) await(ts *testscript.TestScript) {
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		if n.Open() > 0 {
			return
		}
	}
	ts.Fatalf("nobody has connected")
}

// tell lets the script know the host key.
func (n *sshNode) tell(ts *testscript.TestScript) {
	fingerprint, err := inventory.Fingerprint(n.HostKey())
	ts.Check(err)
	ts.Setenv("HOST_KEY", n.HostKey())
	ts.Setenv("FINGERPRINT", fingerprint)
	ts.Setenv("NODE_ADDRESS", n.Address)
}
