package fakepve

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// property is a property string such as local:iso/a.iso,media=cdrom: one
// value without a key and any number with.
type property struct {
	// bare is the value of the default key; hasBare tells it from none at all.
	bare    string
	hasBare bool
	values  map[string]string
}

// parseProperty takes a property string apart by the rules of
// PVE::JSONSchema::parse_property_string.
func parseProperty(text string) (property, error) {
	p := property{values: map[string]string{}}
	for _, part := range strings.Split(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, value, keyed := strings.Cut(part, "=")
		switch {
		case !keyed && p.hasBare:
			return p, errors.New("duplicate key in comma-separated list property: default key")
		case !keyed:
			p.bare, p.hasBare = part, true
		case key == "" || value == "":
			return p, errors.New("missing key in comma-separated list property")
		case p.values[key] != "":
			return p, fmt.Errorf("duplicate key in comma-separated list property: %s", key)
		default:
			p.values[key] = value
		}
	}
	return p, nil
}

// String puts the property string together: the bare value first, then the
// keys in order.
func (p property) String() string {
	var parts []string
	if p.hasBare {
		parts = append(parts, p.bare)
	}
	keys := make([]string, 0, len(p.values))
	for k := range p.values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		parts = append(parts, k+"="+p.values[k])
	}
	return strings.Join(parts, ",")
}

// only names the first key that is not among those given.
func (p property) only(known ...string) error {
	keys := make([]string, 0, len(p.values))
	for k := range p.values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if !slices.Contains(known, k) {
			return fmt.Errorf("invalid key in comma-separated list property: %s", k)
		}
	}
	return nil
}
