package provision

import (
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// Stages make the machines: first what they are made of, then all of them at
// the same time.
func (p *Proxmox) Stages() []converge.Stage {
	image := p.hands(inventory.Node{})
	machines := converge.Stage{Name: "machines"}
	for _, n := range p.cfg.Cluster.Nodes {
		h := p.hands(n)
		machines.Tracks = append(machines.Tracks, converge.Bind(n.Name, h.view, h, machineSteps()...))
	}
	return []converge.Stage{
		{Name: "image", Tracks: []converge.Track{converge.Bind("", image.view, image, imageSteps()...)}},
		machines,
	}
}

// PlanStages look at the same things and have nothing to change them with.
func (p *Proxmox) PlanStages() []converge.Stage {
	machines := converge.Stage{Name: "machines"}
	for _, n := range p.cfg.Cluster.Nodes {
		v := p.view(n, askOnce(p.cfg.Guests.Reader(n)))
		machines.Tracks = append(machines.Tracks, converge.Observe(n.Name, v, machineSteps()...))
	}
	return []converge.Stage{
		{Name: "image", Tracks: []converge.Track{converge.Observe("", p.view(inventory.Node{}, nil), imageSteps()...)}},
		machines,
	}
}

func (p *Proxmox) view(n inventory.Node, ready readiness) *view {
	return &view{cluster: p.cfg.Cluster, settings: p.settings, node: n, api: p.api, acts: p.journal, pins: p.cfg.Pins, ready: ready}
}

// hands are those of Stages: they reach into the machine too.
func (p *Proxmox) hands(n inventory.Node) *hands {
	if n.Name == "" {
		return p.outside(n, nil)
	}
	host := p.cfg.Guests.Host(n)
	h := p.outside(n, host.WaitReady)
	h.host = host
	return h
}

// outside are hands for Proxmox alone.
func (p *Proxmox) outside(n inventory.Node, ready readiness) *hands {
	return &hands{
		view: p.view(n, ready),
		do:   p.api, journal: p.journal, pinning: p.cfg.Pins, prober: p.cfg.Prober, numbers: p.numbers,
		tasks: waiter{tasks: p.api, every: p.every}, pauses: p.pauses, newHostKey: p.cfg.NewHostKey,
	}
}
