package provision

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Config is what the machines are made from and with.
type Config struct {
	Cluster  inventory.Cluster
	Token    inventory.Secret // of the Proxmox API; unused for existing machines
	StateDir string           // .k3sedge
	Pins     Pins
	Guests   Guests
	Prober   Prober // nil does without the look whether an address is free
	// NewHostKey makes the ed25519 key with which a VM first shows itself. It
	// is kept in memory only: a seed that did not reach its VM gets another.
	NewHostKey func() (machine.HostKey, error)
}

// Proxmox makes and destroys the cluster's VMs.
type Proxmox struct {
	cfg      Config
	settings inventory.Proxmox
	api      API
	journal  *journal
	numbers  *numbers
	every    time.Duration   // first pause while waiting for a task
	pauses   []time.Duration // before what a lock kept from beginning is asked again
	unseen   time.Duration   // how long DestroyPlan waits for a VM that may not be looked at yet
}

var errNotProxmox = errors.New("provider.proxmox is not set")

// NewProxmox connects nothing yet; it fails where the configuration cannot
// work.
func NewProxmox(cfg Config) (*Proxmox, error) {
	if cfg.Cluster.Provider.Proxmox == nil {
		return nil, errNotProxmox
	}
	settings := *cfg.Cluster.Provider.Proxmox
	c, err := newClient(settings, cfg.Token)
	if err != nil {
		return nil, err
	}
	j, err := openJournal(filepath.Join(cfg.StateDir, "journal.jsonl"))
	if err != nil {
		return nil, machine.WithHint(err, "%s may be removed: it only helps to take up a run that was killed", cfg.StateDir)
	}
	p := &Proxmox{cfg: cfg, settings: settings, api: c, journal: j, numbers: newNumbers(settings.VMIDs, max(1, len(cfg.Cluster.Nodes))), every: 150 * time.Millisecond, unseen: time.Minute}
	for pause := time.Second; pause < time.Minute; pause *= 2 {
		p.pauses = append(p.pauses, pause)
	}
	for _, n := range cfg.Cluster.Nodes {
		if id, _ := j.vmid(n.Name); id != 0 {
			p.numbers.hold(n.Name, id)
		}
	}
	return p, nil
}

// Preflight looks whether the version, the token's privileges, the storages
// and the network allow the run, and reports all that is missing at once.
func (p *Proxmox) Preflight(ctx context.Context) error {
	return preflight(ctx, p.api, p.cfg.Cluster)
}
