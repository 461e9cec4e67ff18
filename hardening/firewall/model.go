package firewall

// Table is one nftables table as the kernel holds it.
type Table struct {
	Family string  `json:"family"`
	Name   string  `json:"name"`
	Chains []Chain `json:"chains"`
	Sets   []Set   `json:"sets"`
}

// Chain is a base chain where Hook is not empty, else one that is jumped to.
type Chain struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // filter, nat, route
	Hook     string `json:"hook"`     // input, forward, prerouting …
	Priority int    `json:"priority"` // lower runs earlier
	Policy   string `json:"policy"`   // accept, drop
	Rules    []Rule `json:"rules"`
}

// Rule is one rule. Counters' values are left out: they are not configuration.
type Rule struct {
	Exprs   []Expr `json:"exprs"`
	Comment string `json:"comment"`
}

// Expr is one expression of a rule: its kind, and its operands in a canonical
// form that is equal for equal meaning.
type Expr struct {
	Kind string            `json:"kind"` // meta, payload, cmp, lookup, ct, bitwise, counter, limit, log, verdict …
	Args map[string]string `json:"args"`
}

// Set is a named or anonymous set with its elements in canonical order.
type Set struct {
	Name     string    `json:"name"` // anonymous sets are numbered in the order of their use
	KeyType  string    `json:"keyType"`
	Interval bool      `json:"interval"`
	Elements []Element `json:"elements"`
}

// Element is one element, or the range First to Last (both inside) of an interval set.
type Element struct {
	First string `json:"first"` // hexadecimal, as long as the key
	Last  string `json:"last"`
}
