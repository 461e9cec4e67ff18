package firewall

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
)

// truth is the answer to whether a packet meets a condition.
type truth int

const (
	no truth = iota
	maybe
	yes
)

func truthOf(holds bool) truth {
	if holds {
		return yes
	}
	return no
}

func (t truth) not() truth { return yes - t }

// unhex gives nothing for what is not hexadecimal: the model may come from
// another machine.
func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil
	}
	return data
}

// loopbackIndex is the index of lo in every network namespace.
const loopbackIndex = "00000001"

// matchCmp judges a comparison. lo's index is the one that is known of an
// interface, so "is it lo" has an answer for every name.
func (v *view) matchCmp(args map[string]string) truth {
	left, op, right := args["left"], args["op"], unhex(args["right"])
	if args["right"] == loopbackIndex && v.notLoopback(left) && (op == "eq" || op == "neq") {
		return truthOf(op == "neq")
	}
	if strings.Contains(left, " . ") || len(right) == 0 {
		return maybe
	}
	return v.operand(left).compare(op, right)
}

func (b bits) compare(op string, right []byte) truth {
	if len(right) > len(b.value) {
		return maybe
	}
	prefix := bits{value: b.value[:len(right)], known: b.known[:len(right)]}
	switch op {
	case "eq":
		return prefix.equal(right)
	case "neq":
		return prefix.equal(right).not()
	}
	if !prefix.complete() {
		return maybe
	}
	order := bytes.Compare(prefix.value, right)
	switch op {
	case "lt":
		return truthOf(order < 0)
	case "lte":
		return truthOf(order <= 0)
	case "gt":
		return truthOf(order > 0)
	case "gte":
		return truthOf(order >= 0)
	}
	return maybe
}

func (b bits) complete() bool {
	return !slices.ContainsFunc(b.known, func(known byte) bool { return known != 0xff })
}

func (b bits) equal(right []byte) truth {
	for i := range right {
		if (b.value[i]^right[i])&b.known[i] != 0 {
			return no
		}
	}
	if b.complete() {
		return yes
	}
	return maybe
}

// within judges a range, both ends inside.
func (b bits) within(first, last []byte) truth {
	if len(b.value) == 0 || len(first) != len(b.value) || len(last) != len(b.value) {
		return maybe
	}
	switch {
	case bytes.Equal(first, last):
		return b.equal(first)
	case b.complete():
		return truthOf(bytes.Compare(b.value, first) >= 0 && bytes.Compare(b.value, last) <= 0)
	case bytes.Count(first, []byte{0}) == len(first) && bytes.Count(last, []byte{0xff}) == len(last):
		return yes
	}
	return maybe
}

func (v *view) matchRange(args map[string]string) truth {
	if strings.Contains(args["left"], " . ") {
		return maybe
	}
	inside := v.operand(args["left"]).within(unhex(args["first"]), unhex(args["last"]))
	switch args["op"] {
	case "eq":
		return inside
	case "neq":
		return inside.not()
	}
	return maybe
}

// fields are the values of a joined left side.
func (v *view) fields(left string) []bits {
	var fields []bits
	for text := range strings.SplitSeq(left, " . ") {
		fields = append(fields, v.operand(text))
	}
	return fields
}

// find looks for the element that a key hits. Where more than one might be
// hit, or the hit depends on more than the key, the answer is maybe.
func (s Set) find(key []bits) (Element, truth) {
	for _, flag := range s.Flags {
		if flag != "map" {
			return Element{}, maybe // its content depends on the traffic
		}
	}
	var rest *Element
	for _, element := range s.Elements {
		if element.First == "*" {
			rest = &element
			continue
		}
		if hit := element.hit(key); hit != no {
			return element, hit
		}
	}
	if rest == nil {
		return Element{}, no
	}
	if len(rest.Conditions) > 0 {
		return *rest, maybe
	}
	return *rest, yes
}

func (e Element) hit(key []bits) truth {
	first, last := unhex(e.First), unhex(e.Last)
	all := yes
	for _, field := range key {
		size := len(field.value)
		if len(key) > 1 {
			size = padded(size)
		}
		if size == 0 || len(first) < size || len(last) < size {
			return maybe
		}
		all = min(all, field.within(first[:len(field.value)], last[:len(field.value)]))
		first, last = first[size:], last[size:]
	}
	if len(first) != 0 || len(last) != 0 {
		return maybe
	}
	if all == yes && len(e.Conditions) > 0 {
		return maybe
	}
	return all
}

// candidates are the elements that a key may hit. Where one of them is hit for
// sure, it is the only one; sure says that at least one is.
func (s Set) candidates(key []bits) (found []Element, sure bool) {
	element, hit := s.find(key)
	switch hit {
	case no:
		return nil, false
	case yes:
		return []Element{element}, true
	}
	for _, element := range s.Elements {
		if element.First == "*" || element.hit(key) != no {
			found = append(found, element)
		}
	}
	return found, false
}

// matchPorts judges iptables' list of ports: of the source, of the
// destination, or of either.
func (v *view) matchPorts(args map[string]string) truth {
	found := no
	for _, side := range strings.Fields(args["sides"]) {
		port := v.payload("transport", map[string]string{"source": "0", "destination": "2"}[side], "2")
		for entry := range strings.SplitSeq(args["list"], ",") {
			first, last, _ := strings.Cut(entry, "-")
			found = max(found, port.within(unhex(first), unhex(last)))
		}
	}
	if args["op"] == "neq" {
		return found.not()
	}
	return found
}
