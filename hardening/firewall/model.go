package firewall

import "errors"

// Table is one nftables table as the kernel holds it.
type Table struct {
	Family string `json:"family"`
	Name   string `json:"name"`
	// Dormant tables are there, and the kernel asks none of their chains.
	Dormant bool    `json:"dormant,omitempty"`
	Chains  []Chain `json:"chains"` // by name
	Sets    []Set   `json:"sets"`   // by name
}

// Chain is a base chain where Hook is not empty, else one that is jumped to.
type Chain struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // filter, nat, route
	Hook     string `json:"hook"`     // input, forward, prerouting …
	Priority int    `json:"priority"` // lower runs earlier
	Policy   string `json:"policy"`   // accept, drop
	// Devices are the interfaces at which a chain of ingress or egress stands.
	Devices []string `json:"devices,omitempty"`
	Rules   []Rule   `json:"rules"`
}

// Rule is one rule. Counters' values are left out: they are not configuration.
type Rule struct {
	Exprs   []Expr `json:"exprs"`
	Comment string `json:"comment"`
	// Native is what of a rule in one of iptables' tables iptables cannot read.
	Native string `json:"native,omitempty"`
}

// Expr is one expression of a rule: its kind, and its operands in a canonical
// form that is equal for equal meaning.
//
// The kernel loads a value into a register and compares the register in a
// later expression. Which register that is means nothing, so loads are folded
// into the expression that uses them. Data is hexadecimal, most significant
// byte first whatever the machine. The kinds and their arguments:
//
//	cmp      left, op (eq neq lt lte gt gte), right
//	range    left, op (eq neq), first, last
//	lookup   left, op (in notin), set
//	vmap     left, set        the element's verdict is the rule's
//	verdict  verdict (accept drop jump goto return queue continue), chain
//	reject   type, code
//	limit    rate, per (seconds), burst, type (packets bytes), over (true false)
//	counter, notrack
//	log      prefix, level, group, snaplen, threshold, flags
//	set      what, value      such as "meta mark"
//	unknown  name, raw        anything else, never left out
//
// A left side is one or more operands joined by " . ": "meta KEY", "ct KEY",
// "payload BASE OFFSET LENGTH", "fib FLAGS RESULT", "imm HEX", "? NAME", each
// perhaps followed by "& MASK ^ XOR".
type Expr struct {
	Kind string            `json:"kind"`
	Args map[string]string `json:"args"`
}

// Set is a named or anonymous set with its elements in canonical order.
type Set struct {
	Name     string `json:"name"` // anonymous sets are numbered in the order of their use: #1, #2 …
	KeyType  string `json:"keyType"`
	Interval bool   `json:"interval"`
	// Flags are what else the set is, by name: map, timeout, dynamic, stateful, object.
	Flags    []string  `json:"flags,omitempty"`
	Elements []Element `json:"elements"`
}

// Element is one element, or the range First to Last (both inside) of an
// interval set. The element that stands for all others is "*".
type Element struct {
	First string `json:"first"` // hexadecimal, as long as the key
	Last  string `json:"last"`
	// Data is a map's value: hexadecimal, or a verdict such as "accept" or "jump web".
	Data string `json:"data,omitempty"`
	// Conditions name what else the kernel asks of a packet that hits the
	// element, such as a rate limit, or what may take the element away.
	Conditions []string `json:"conditions,omitempty"`
}

// ErrNoTable says that the kernel holds no table of that family and name. The
// kernel was asked: it is not the answer when it could not be.
var ErrNoTable = errors.New("no such table")
