package cloudflare

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// edit is one write to the records of a host. No Have makes a record, no Want
// deletes one.
type edit struct {
	Have, Want *Record
}

// change is the edit as people read it.
func (e edit) change(s scope) converge.Change {
	out := converge.Change{Have: absent, Want: absent}
	if e.Want != nil {
		out.ID, out.Want = "record "+e.Want.Name, e.Want.String()
	}
	if e.Have != nil {
		out.ID, out.Have = "record "+e.Have.Name, e.Have.String()
		if !s.mine(*e.Have) {
			out.Have += ", not k3sedge's"
		}
	}
	if out.Have == out.Want {
		out.Have += ", for another service"
	}
	return out
}

// mine reports whether a record has the mark of the cluster.
func (s scope) mine(r Record) bool { return strings.HasPrefix(r.Comment, recordMark(s.cluster, "")) }

// chosen reports whether a record is one of those that are worked on.
func (s scope) chosen(r Record) bool {
	return s.mine(r) && (s.only == "" || r.Comment == recordMark(s.cluster, s.only))
}

// pool are records of which each is taken once.
type pool struct {
	records []Record
	used    []bool
}

// take finds one that fits and is not taken yet, or nil.
func (p *pool) take(fits func(Record) bool) *Record {
	for i := range p.records {
		if !p.used[i] && fits(p.records[i]) {
			p.used[i] = true
			return &p.records[i]
		}
	}
	return nil
}

// differ compares the records of one host. Ours that are there are changed
// rather than made anew, where their type allows it: the name is never without
// an answer then.
func (s scope) differ(want, there []Record) ([]edit, error) {
	p := &pool{there, make([]bool, len(there))}
	open := slices.DeleteFunc(slices.Clone(want), func(w Record) bool {
		return p.take(func(r Record) bool { return r.same(w) && (r.Comment == w.Comment || !s.mine(r) && !s.adopt) }) != nil
	})
	if err := s.inTheWay(open, p); err != nil {
		return nil, err
	}
	movable := func(r Record) bool { return s.mine(r) || s.adopt && addressing(r) && len(open) > 0 }
	var out []edit
	for _, w := range open {
		out = append(out, edit{p.take(func(r Record) bool { return r.zone == w.zone && r.Type == w.Type && movable(r) }), &w})
	}
	for have := p.take(movable); have != nil; have = p.take(movable) {
		out = append(out, edit{Have: have})
	}
	slices.SortStableFunc(out, func(a, b edit) int { return cmp.Compare(a.turn(), b.turn()) })
	return out, nil
}

// turn puts what goes before what comes: an alias stands beside no other record.
func (e edit) turn() int {
	if e.Want == nil {
		return 0
	}
	return 1
}

// inTheWay finds what is not ours and cannot, or should not, stand beside ours.
func (s scope) inTheWay(open []Record, p *pool) error {
	if s.adopt || len(open) == 0 {
		return nil
	}
	var errs []error
	for i, r := range p.records {
		if !p.used[i] && !s.mine(r) && addressing(r) {
			errs = append(errs, foreign("the record for "+r.Name, r.String(), texts(open)))
		}
	}
	return errors.Join(errs...)
}

// addressing reports whether a record says where a name leads.
func addressing(r Record) bool { return slices.Contains([]string{"A", "AAAA", "CNAME"}, r.Type) }

func texts(records []Record) string {
	var out []string
	for _, r := range records {
		out = append(out, r.String())
	}
	return strings.Join(out, ", ")
}

// byName groups records by their name.
func byName(records []Record) map[string][]Record {
	out := map[string][]Record{}
	for _, r := range records {
		out[r.Name] = append(out[r.Name], r)
	}
	return out
}

// names are the keys, in order.
func names(m map[string][]Record) []string { return slices.Sorted(maps.Keys(m)) }
