package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
)

// Locate completes a packet of which only the addresses are known: by which
// interface it comes in, whether it is for this host, and where it goes on.
func (j *Judge) Locate(p Packet) (Packet, error) {
	if err := p.check(); err != nil {
		return p, err
	}
	if j.routes == nil {
		return p, errors.New("the host's routes are not known")
	}
	if p.Iif == "" && !p.FromHost {
		back, err := j.routes.Route(p.Dst, p.Src, "")
		if err != nil {
			return p, fmt.Errorf("find out by which interface %s comes in: %w", p.Src, err)
		}
		p.FromHost, p.Iif = back.Local, back.Oif
	}
	iif := p.Iif
	if p.FromHost {
		iif = ""
	}
	onward, err := j.routes.Route(p.Src, p.Dst, iif)
	if err != nil && !errors.Is(err, ErrNoRoute) {
		return p, err
	}
	p.Local, p.Oif = onward.Local, onward.Oif // no way is found out again behind the first hook
	return p, nil
}

// DecideHere judges packets of which the sender knows less than the host. One
// without an interface comes in where its source is reached, or, where no route
// leads to it, where the others do; one that says whether it is for this host,
// or where it goes on, is taken at its word.
func (j *Judge) DecideHere(packets []Packet) []Decision {
	usual := ""
	for i := 0; usual == "" && i < len(packets); i++ {
		if packets[i].Iif == "" && !packets[i].FromHost {
			usual = j.uplink(packets[i].Src)
		}
	}
	decisions := make([]Decision, 0, len(packets))
	for _, p := range packets {
		decisions = append(decisions, j.Decide(j.here(p, usual)))
	}
	return decisions
}

// here completes a packet as far as the host can.
func (j *Judge) here(p Packet, usual string) Packet {
	if !p.Local && p.Oif == "" && j.routes != nil {
		if located, err := j.Locate(p); err == nil {
			return located
		}
	}
	if p.Iif == "" && !p.FromHost {
		p.Iif = cmp.Or(j.uplink(p.Src), usual)
	}
	return p
}

// uplink is the interface by which a stranger comes in, "" if it is not known.
func (j *Judge) uplink(from netip.Addr) string {
	if j.routes == nil {
		return ""
	}
	back, err := j.routes.Route(netip.Addr{}, from, "")
	if err != nil {
		return ""
	}
	return back.Oif
}

// unroutable tells of a packet that the host drops between two hooks, because
// it knows no way for it.
func (r *run) unroutable() bool {
	v := &r.view
	if v.routes == nil || v.toHost() || v.settledDst || v.Oif != "" || v.Iif == "lo" || v.FromHost {
		return false
	}
	_, err := v.routes.Route(v.Src, v.Dst, v.Iif)
	return errors.Is(err, ErrNoRoute)
}
