package cli

import (
	"context"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// rescue is the way into a node past its network. Proxmox and its token are
// asked for only when it is gone: a node that is hardened needs neither.
type rescue struct {
	site *site
	node inventory.Node
}

// rescuer is nil for machines of which k3sedge knows nothing but their address.
func (st *site) rescuer(n inventory.Node) hardening.Rescuer {
	if st.project.Cluster.Provider.Proxmox == nil {
		return nil
	}
	return rescue{st, n}
}

func (r rescue) vm(ctx context.Context) (provision.Rescue, error) {
	p, err := r.site.proxmox(ctx)
	if err != nil {
		return provision.Rescue{}, err
	}
	return p.Rescue(r.node), nil
}

// Keep takes a snapshot.
func (r rescue) Keep(ctx context.Context) (string, error) {
	vm, err := r.vm(ctx)
	if err != nil {
		return "", err
	}
	return vm.Keep(ctx)
}

// Drop deletes it.
func (r rescue) Drop(ctx context.Context) error {
	vm, err := r.vm(ctx)
	if err != nil {
		return err
	}
	return vm.Drop(ctx)
}

// Exec runs a command through the guest agent.
func (r rescue) Exec(ctx context.Context, argv ...string) (machine.Output, error) {
	vm, err := r.vm(ctx)
	if err != nil {
		return machine.Output{}, err
	}
	return vm.Exec(ctx, argv...)
}
