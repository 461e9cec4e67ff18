package inventory

import (
	"encoding"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decode fills v, a pointer to a struct, from node and adds to f all that does
// not fit. yaml.Node.Decode would stop at the first unknown key, knows no
// paths, repeats values in its errors, and expands aliases.
func decode(node *yaml.Node, v any, f *findings) {
	f.lines[""] = max(node.Line, 1)
	d := decoder{f}
	d.value(node, reflect.ValueOf(v).Elem(), "")
}

type decoder struct{ *findings }

// refuse notes a value that could not be decoded.
func (d decoder) refuse(n *yaml.Node, path, message, hint string) {
	d.at(n.Line, path, message, hint)
	d.markBroken(path)
}

func (d decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if _, known := d.lines[path]; !known {
		d.lines[path] = n.Line
	}
	switch {
	case n.Kind == yaml.AliasNode:
		d.refuse(n, path, "aliases are not allowed", "write the value out")
	case n.Anchor != "":
		d.refuse(n, path, "anchors are not allowed", "write the value out where it is needed, or quote a value that begins with &")
	case n.Style&yaml.TaggedStyle != 0:
		d.refuse(n, path, "tags are not allowed", "leave the tag out, or quote a value that begins with !")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		d.null(v)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path)
	default:
		d.concrete(n, v, path)
	}
}

// null is a key without a value. It reads as left out, except that a section
// that needs no settings is chosen by its key alone.
func (d decoder) null(v reflect.Value) {
	switch v.Interface().(type) {
	case *Existing, *K3s:
		v.Set(reflect.New(v.Type().Elem()))
	}
}

func (d decoder) concrete(n *yaml.Node, v reflect.Value, path string) {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, u, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	case reflect.String:
		d.str(n, v, path)
	case reflect.Int:
		d.number(n, v, path)
	case reflect.Bool:
		d.boolean(n, v, path)
	default:
		d.refuse(n, path, "cannot be set in a file", "leave it out")
	}
}

func (d decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.refuse(n, path, "keys with values are expected here, not "+kindOf(n), "the keys here are "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 || key.Tag == "!!merge" {
			d.at(key.Line, path, "a key is plain text", "the keys here are "+strings.Join(keysOf(v.Type()), ", "))
			continue
		}
		at := joinPath(path, showKey(key.Value))
		if first, ok := seen[key.Value]; ok {
			d.at(key.Line, at, "stands here twice, first in line "+strconv.Itoa(first), "keep one of the two")
			continue
		}
		seen[key.Value] = key.Line
		field, ok := fieldOf(v, key.Value)
		if !ok {
			d.unknownKey(key, v.Type(), path)
			continue
		}
		d.lines[at] = key.Line
		d.value(value, field, at)
	}
}

// unknownKey suggests the nearest key. What that one would have said is then
// not missed as well.
func (d decoder) unknownKey(key *yaml.Node, t reflect.Type, path string) {
	at, keys := joinPath(path, showKey(key.Value)), keysOf(t)
	if near := Nearest(key.Value, keys); near != "" {
		d.at(key.Line, at, "unknown key", "did you mean "+strconv.Quote(near)+"?")
		d.markBroken(joinPath(path, near))
		return
	}
	if len(keys) == 0 {
		d.at(key.Line, at, "unknown key", "no keys are known here")
		return
	}
	d.at(key.Line, at, "unknown key", "the keys here are "+strings.Join(keys, ", "))
}

func (d decoder) sequence(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.refuse(n, path, "a list is expected here, not "+kindOf(n), "begin each entry with a dash, or write [a, b]")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		at := indexPath(path, i)
		if item.Kind == yaml.ScalarNode && item.Tag == "!!null" {
			d.lines[at] = item.Line
			d.refuse(item, at, "is empty", "fill it in or take it out")
			continue
		}
		d.value(item, v.Index(i), at)
	}
}

func (d decoder) str(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		d.refuse(n, path, "text is expected here, not "+kindOf(n), "put the value in quotes")
		return
	}
	if strings.ContainsFunc(n.Value, isControl) {
		d.refuse(n, path, "line breaks and control characters are not allowed here", "write it in one line")
		return
	}
	v.SetString(n.Value)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// number takes decimal numbers only, because 0100 is 64 to one reader and 100
// to the next, and none below one, because zero stands for "not set".
func (d decoder) number(n *yaml.Node, v reflect.Value, path string) {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || strconv.Itoa(i) != n.Value {
		d.refuse(n, path, "a whole number is expected here, not "+kindOf(n), "write digits only, without quotes and leading zeros")
		return
	}
	if i < 1 {
		d.refuse(n, path, "must be 1 or more", "leave the key out for the default")
		return
	}
	v.SetInt(int64(i))
}

func (d decoder) boolean(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		d.refuse(n, path, "true or false is expected here, not "+kindOf(n), "write true or false without quotes")
		return
	}
	v.SetBool(strings.EqualFold(n.Value, "true"))
}

// text fills a type that reads itself. Its error is left out, because most
// repeat the value.
func (d decoder) text(n *yaml.Node, u encoding.TextUnmarshaler, path string) {
	want, example := wantOf(u)
	if n.Kind != yaml.ScalarNode {
		d.refuse(n, path, want+" is expected here, not "+kindOf(n), "write it like "+example)
		return
	}
	if n.Value == "" {
		return // as left out; whoever needs it says that it is missing
	}
	if err := u.UnmarshalText([]byte(n.Value)); err != nil {
		d.refuse(n, path, "not "+want, "write it like "+example)
	}
}

// wantOf describes a type that reads itself, with an example.
func wantOf(u encoding.TextUnmarshaler) (want, example string) {
	switch u.(type) {
	case *netip.Addr:
		return "an IP address", "10.0.0.11"
	case *netip.Prefix:
		return "a network", "10.0.0.0/24"
	case *Size:
		return "a size", "4GiB or 512MiB, in units of 1024"
	case *Date:
		return "a date", "2027-01-31"
	case *Range:
		return "a range", "9100-9119, the smaller number first"
	}
	return "such a value", "the others of its kind"
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "this number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}
