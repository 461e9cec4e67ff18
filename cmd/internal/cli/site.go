package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/kubeapi"
	"github.com/k3sedge/k3sedge/provision"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/ssh"
)

// machines makes the nodes' machines, or only looks at them.
type machines interface {
	Preflight(ctx context.Context) error
	Stages() []converge.Stage
	PlanStages() []converge.Stage
	// Left and PlanLeft come behind the hardening of a node.
	Left(n inventory.Node) converge.Track
	PlanLeft(n inventory.Node) converge.Track
}

// site is a project with everything needed to work on it.
type site struct {
	streams  Streams
	file     string // the cluster's
	project  inventory.Project
	dir      stateDir
	unlock   func() // nil for those who only look
	pins     *ssh.Pins
	guests   map[string]*guest // by node
	policies map[string]hardening.Policy
	chosen   []inventory.Node // those that this run is about: all, unless --node names some
	ranges   []netip.Prefix   // of Cloudflare, where the edge's mode trusts them
	api      *kubeapi.Client  // nil until it is needed
	secret   resolver         // of what the files refer to
	adopt    bool             // what somebody else made, and is in the way, becomes ours

	pveMu sync.Mutex
	pve   *provision.Proxmox // nil until it is needed
}

// openSite loads the project and prepares, but does not open, a connection to
// every node. Nothing is contacted yet. work names the command that is going
// to change something and keeps others from that until the site is closed;
// those who only look give "", and nothing is written for them.
func openSite(ctx context.Context, s Streams, file, work string) (*site, error) {
	project, err := inventory.Load(file)
	if err == nil {
		err = project.CheckWaivers(hardening.ControlIDs())
	}
	if err != nil {
		return nil, err
	}
	st := &site{streams: s, file: file, project: project, dir: stateDirOf(file), guests: map[string]*guest{}, policies: map[string]hardening.Policy{}}
	st.secret = once(func(ctx context.Context, ref inventory.SecretRef) (inventory.Secret, error) {
		return ref.Resolve(ctx, s.Getenv)
	})
	if work != "" {
		if st.unlock, err = st.dir.lock(work); err != nil {
			return nil, err
		}
	}
	if err := st.prepare(ctx); err != nil {
		st.close()
		return nil, err
	}
	return st, nil
}

func (st *site) prepare(ctx context.Context) error {
	pins, err := ssh.OpenPins(st.dir.path("known_hosts"))
	if err != nil {
		return orHint(err, fmt.Sprintf("k3sedge keeps host keys and its journal in %s: it must be a folder that you can read", st.dir))
	}
	st.pins = pins
	if st.ranges, err = published(st.project.Cluster, st.file); err != nil {
		return err
	}
	auth := st.auth(ctx)
	st.chosen = st.project.Cluster.Nodes
	for _, n := range st.project.Cluster.Nodes {
		if err := st.addNode(n, auth); err != nil {
			return err
		}
	}
	return nil
}

// pin keeps a host key that stands in the cluster's file.
func (st *site) pin(name, address, key string) error {
	if st.unlock == nil {
		return st.pins.Expect(name, address, key)
	}
	return st.pins.Set(name, address, key)
}

func (st *site) addNode(n inventory.Node, auth *ssh.Auth) error {
	policy, err := hardening.NewPolicy(st.project.Cluster, n, st.ranges)
	if err != nil {
		return err
	}
	policy.Rescue = st.rescuer(n)
	policy.Excuse(st.project.Cluster.Waivers, st.streams.Now())
	if n.HostKey != "" && len(st.pins.Get(n.Name)) == 0 {
		if err := st.pin(n.Name, sshAddress(st.project.Cluster, n), n.HostKey); err != nil {
			return fmt.Errorf("pin the host key of %s: %w", n.Name, err)
		}
	}
	cfg, err := st.sshConfig(n, auth)
	if err != nil {
		return err
	}
	g := newGuest(cfg)
	st.guests[n.Name] = g
	policy.Client = func() facts.Algorithms { return facts.Algorithms(g.Algorithms()) }
	st.policies[n.Name] = policy.WithServices(st.project.Services)
	return nil
}

// auth holds what the user logs in with. The passphrase is resolved or asked
// for only when a server has accepted the key it protects.
func (st *site) auth(ctx context.Context) *ssh.Auth {
	want := st.project.Cluster.SSH
	a := &ssh.Auth{Identities: want.Identities}
	for _, line := range want.AuthorizedKeys {
		if print, err := inventory.Fingerprint(line); err == nil { // the policy says what is wrong with it
			a.Known = append(a.Known, print)
		}
	}
	if want.Agent {
		a.AgentSocket, _ = st.streams.Getenv("SSH_AUTH_SOCK")
	}
	a.Passphrase = func(path string) ([]byte, error) {
		if want.Passphrase != nil {
			secret, err := want.Passphrase.Resolve(ctx, st.streams.Getenv)
			return []byte(secret.Reveal()), err
		}
		if st.streams.AskSecret == nil {
			return nil, machine.WithHint(fmt.Errorf("%s is encrypted: %w", path, errNoAnswer), "set ssh.passphrase to env:NAME, file:PATH or cmd:COMMAND, or load the key into an SSH agent")
		}
		fmt.Fprintf(st.streams.Err, "passphrase of %s: ", path)
		defer fmt.Fprintln(st.streams.Err)
		return st.streams.AskSecret()
	}
	return a
}

func (st *site) sshConfig(n inventory.Node, auth *ssh.Auth) (ssh.Config, error) {
	c := st.project.Cluster
	cfg := ssh.Config{Name: n.Name, Address: sshAddress(c, n), User: c.SSH.User, Auth: auth, Pins: st.pins}
	if c.SSH.Jump == nil {
		return cfg, nil
	}
	address := c.SSH.Jump.Address
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "22")
	}
	const name = "ssh.jump" // no name of a node, which has no dots
	if err := st.pin(name, address, c.SSH.Jump.HostKey); err != nil {
		return ssh.Config{}, fmt.Errorf("pin the host key of the jump host: %w", err)
	}
	cfg.Jump = &ssh.Config{Name: name, Section: name, Address: address, User: c.SSH.Jump.User, Auth: auth, Pins: st.pins}
	return cfg, nil
}

// sshAddress is where a node's sshd listens.
func sshAddress(c inventory.Cluster, n inventory.Node) string {
	return net.JoinHostPort(n.Address.String(), strconv.Itoa(c.SSH.Port))
}

// machines returns the provider that the file names.
func (st *site) machines(ctx context.Context) (machines, error) {
	if st.project.Cluster.Provider.Proxmox == nil {
		return existing{provision.Config{Cluster: st.project.Cluster, Guests: st}}, nil
	}
	return st.proxmox(ctx)
}

// existing are machines that are already there: they are waited for, not made.
type existing struct{ provision.Config }

// Preflight has nobody to ask.
func (existing) Preflight(context.Context) error { return nil }

// Stages wait for the machines.
func (e existing) Stages() []converge.Stage { return provision.ExistingStages(e.Config) }

// PlanStages ask each machine once.
func (e existing) PlanStages() []converge.Stage { return provision.ExistingPlanStages(e.Config) }

// Left has nothing to take away.
func (existing) Left(inventory.Node) converge.Track { return converge.Track{} }

// PlanLeft has nothing to look for.
func (existing) PlanLeft(inventory.Node) converge.Track { return converge.Track{} }

// proxmox is the way to Proxmox; its token is asked for once a run.
func (st *site) proxmox(ctx context.Context) (*provision.Proxmox, error) {
	st.pveMu.Lock()
	defer st.pveMu.Unlock()
	if st.pve != nil {
		return st.pve, nil
	}
	var err error
	st.pve, err = st.openProxmox(ctx)
	return st.pve, err
}

func (st *site) openProxmox(ctx context.Context) (*provision.Proxmox, error) {
	c := st.project.Cluster
	token, err := c.Provider.Proxmox.Token.Secret.Resolve(ctx, st.streams.Getenv)
	if err != nil {
		return nil, usageError{fmt.Errorf("provider.proxmox.token.secret: %w", err)}
	}
	return provision.NewProxmox(provision.Config{
		Cluster: c, Token: token, StateDir: string(st.dir), Pins: nodePins{st.pins, c}, Guests: st, Prober: lanProber{},
		NewHostKey: ssh.GenerateHostKey,
	})
}

// Reader looks at a node.
func (st *site) Reader(n inventory.Node) machine.Reader { return st.guests[n.Name] }

// Host is a node that may be changed.
func (st *site) Host(n inventory.Node) provision.GuestHost { return st.guests[n.Name] }

// close ends all connections and lets others work.
func (st *site) close() {
	if st.api != nil {
		_ = st.api.Close()
	}
	for _, g := range st.guests {
		_ = g.Close() // nothing is left to be lost on a connection
	}
	if st.unlock != nil {
		st.unlock()
	}
}
