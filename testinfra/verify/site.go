package verify

import (
	"context"
	"io"
	"os/exec"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Command prepares a command that runs somewhere, such as in a lab's LAN.
type Command func(ctx context.Context, argv ...string) (*exec.Cmd, error)

// Here runs commands on this machine.
func Here(ctx context.Context, argv ...string) (*exec.Cmd, error) {
	return exec.CommandContext(ctx, argv[0], argv[1:]...), nil
}

// Over runs commands on USER@HOST, as the user's own OpenSSH reaches it.
func Over(ctx context.Context, host string, argv ...string) (*exec.Cmd, error) {
	return Here(ctx, "ssh", "-o", "BatchMode=yes", host, "--", machine.Quote(argv))
}

// Power is the switch of the machines.
type Power interface {
	// Off takes the power away without asking, and On gives it back.
	Off(ctx context.Context, node string) error
	On(ctx context.Context, node string) error
}

// Site is a cluster and the ways to it.
type Site struct {
	Project string // folder with k3sedge.yaml
	K3sedge string // path of the k3sedge binary
	Prober  string // path of k3sedge-lab, which is copied to where ports are asked from
	// Operator runs commands where the operator stands. Third does so on a
	// machine that is neither the operator's nor a node; nil if there is none.
	Operator, Third Command
	Power           Power // nil where nobody reaches the switch
	// Backend is a web server, HOST:PORT, for a service `verify` that is added
	// and taken away again, under Host; "" asks for the services that are there.
	Backend, Host string
	// Roots are authorities in PEM that signed the services' certificates,
	// where the issuer is not a public one.
	Roots string
	// Certify fills the secret of that service where nothing in the cluster does,
	// while add-service waits for it, and returns its roots; nil where something does.
	Certify func(ctx context.Context, namespace, secret, host string) (roots string, err error)
	// Disruptive allows what changes or restarts machines.
	Disruptive bool
	Progress   io.Writer
}

func (s Site) file() string { return s.Project + "/k3sedge.yaml" }

// backendHost is the host of the service verify.
func (s Site) backendHost(c inventory.Cluster) string {
	switch {
	case s.Host != "":
		return s.Host
	case c.Edge != nil && c.Edge.Cloudflare != nil && len(c.Edge.Cloudflare.Zones) > 0:
		return "k3sedge-verify." + c.Edge.Cloudflare.Zones[0]
	}
	return "k3sedge-verify.lab.test"
}
