package firewall

import (
	"cmp"
	"net/netip"
	"slices"
)

// Ruleset is all that the kernel asks about a packet: every table, whoever
// made it.
type Ruleset struct {
	Tables []*Table `json:"tables"`
	// Legacy are the tables that iptables-legacy keeps beside nftables, as
	// "family name". Their rules are not read: what they could still drop or
	// send elsewhere is unknown.
	Legacy []string `json:"legacy,omitempty"`
}

// Router knows the addresses and the routes of the host.
type Router interface {
	// Route says where a packet goes that came in by an interface; "" asks for
	// one of the host's own. ErrNoRoute is the answer of a host that drops it.
	Route(src, dst netip.Addr, iif string) (Route, error)
}

// Route is where a packet goes.
type Route struct {
	Local bool   // it is for this host
	Oif   string // the interface by which it leaves otherwise
}

// Judge answers for packets. Making one costs more than asking it. It belongs
// to one goroutine.
type Judge struct {
	routes Router
	lone   *Table // the only table that is known, nil where all are
	tables []*indexed
	legacy map[string]bool
	bridge string // a table that filters inside bridges, "" for none
	plans  map[plan][]slot
}

// Judge prepares the ruleset for questions. Without routes it is unknown
// whether a translated packet stays on this host.
//
// All chains of all tables are asked in the order of their hooks and
// priorities, until one drops. A packet's mark is 0 when it comes in.
func (s *Ruleset) Judge(routes Router) *Judge {
	j := &Judge{routes: routes, legacy: map[string]bool{}, plans: map[plan][]slot{}}
	for _, name := range s.Legacy {
		j.legacy[name] = true
	}
	for _, t := range s.Tables {
		if t == nil || t.Dormant {
			continue
		}
		j.tables = append(j.tables, index(t))
		if t.Family == "bridge" && slices.ContainsFunc(t.Chains, filters) {
			j.bridge = t.Name
		}
	}
	return j
}

func filters(c Chain) bool { return c.Hook != "" && (len(c.Rules) > 0 || c.Policy == "drop") }

// indexed is a table whose chains and sets are found by name.
type indexed struct {
	*Table
	chains map[string]*Chain
	sets   map[string]*Set
	texts  map[*Rule]string // as they have been asked for
	// changes says that its rules may change what later chains see.
	changes bool
}

func index(t *Table) *indexed {
	x := &indexed{Table: t, chains: map[string]*Chain{}, sets: map[string]*Set{}, texts: map[*Rule]string{}}
	for i := range t.Chains {
		chain := &t.Chains[i]
		x.chains[chain.Name] = chain
		x.changes = x.changes || slices.ContainsFunc(chain.Rules, Rule.changes)
	}
	for i := range t.Sets {
		x.sets[t.Sets[i].Name] = &t.Sets[i]
	}
	return x
}

// changes tells whether a rule leaves a packet other than it found it.
func (r Rule) changes() bool {
	return slices.ContainsFunc(r.Exprs, func(e Expr) bool {
		switch e.Kind {
		case "set", "dnat", "snat", "redirect", "masquerade", "notrack", "unknown":
			return true
		}
		return false
	})
}

// plan is a hook as a packet of one family meets it.
type plan struct {
	hook string
	four bool
	link string // of ingress and egress, where chains belong to an interface
}

// slot is the chains that stand at one priority.
type slot struct {
	priority int
	nat      bool
	// anyOrder says that the order, which nobody tells, may matter.
	anyOrder bool
	chains   []placed
}

type placed struct {
	table *indexed
	chain *Chain
}

// The priorities at which the kernel itself stands.
const (
	priorityConntrack = -200
	priorityDestNAT   = -100
	prioritySourceNAT = 100
)

// slots are the chains of a hook in the order in which they are asked. Chains
// of type nat are all asked where the kernel translates, in the order of their
// own priorities, until one of them has said something.
func (j *Judge) slots(p plan) []slot {
	if known, ok := j.plans[p]; ok {
		return known
	}
	var slots, nat []slot
	for _, at := range j.at(p) {
		s := slot{priority: at.chain.Priority, nat: at.chain.Type == "nat", chains: []placed{at}}
		if s.nat {
			nat = join(nat, s)
		} else {
			slots = join(slots, s)
		}
	}
	for _, s := range nat {
		s.priority = priorityDestNAT
		if p.hook == "input" || p.hook == "postrouting" {
			s.priority = prioritySourceNAT
		}
		slots = append(slots, s)
	}
	slices.SortStableFunc(slots, func(a, b slot) int { return cmp.Compare(a.priority, b.priority) })
	j.plans[p] = slots
	return slots
}

// join adds a chain to those of the same priority.
func join(slots []slot, s slot) []slot {
	last := len(slots) - 1
	if last < 0 || slots[last].priority != s.priority {
		return append(slots, s)
	}
	slots[last].anyOrder = slots[last].anyOrder || slots[last].chains[0].table.changes || s.chains[0].table.changes
	slots[last].chains = append(slots[last].chains, s.chains...)
	return slots
}

// at are a hook's chains by priority.
func (j *Judge) at(p plan) []placed {
	var found []placed
	for _, t := range j.tables {
		if !sees(t.Family, p.four) {
			continue
		}
		for i := range t.Chains {
			chain := &t.Chains[i]
			if chain.Hook == p.hook && (p.link == "" || len(chain.Devices) == 0 || slices.Contains(chain.Devices, p.link)) {
				found = append(found, placed{t, chain})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b placed) int { return cmp.Compare(a.chain.Priority, b.chain.Priority) })
	return found
}

// strange is a chain at a hook that is not modelled.
func (j *Judge) strange(four bool) *Chain {
	modelled := []string{"", "ingress", "prerouting", "input", "forward", "output", "postrouting", "egress"}
	for _, t := range j.tables {
		at := slices.IndexFunc(t.Chains, func(c Chain) bool { return !slices.Contains(modelled, c.Hook) })
		if at >= 0 && sees(t.Family, four) {
			return &t.Chains[at]
		}
	}
	return nil
}
