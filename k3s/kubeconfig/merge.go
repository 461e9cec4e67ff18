package kubeconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// sections are the lists of a kubeconfig and what an entry of each holds.
func sections() [][2]string {
	return [][2]string{{"clusters", "cluster"}, {"users", "user"}, {"contexts", "context"}}
}

// Merge puts what ours brings into the user's file: an entry of ours takes the
// place of one of the same name, or comes last. Everything else stays, with
// its order and comments; a file that has all of it already stays as it is to
// the byte. The current context becomes ours if there is none, or if use asks
// for it.
func Merge(existing, ours []byte, use bool) ([]byte, error) {
	out, err := merge(existing, ours, use)
	if err != nil {
		err = fmt.Errorf("merge into the kubeconfig: %w", err)
		return nil, machine.WithHint(err, "mend the file, or write into one of its own and name both in KUBECONFIG")
	}
	return out, nil
}

func merge(existing, ours []byte, use bool) ([]byte, error) {
	from, err := root(ours)
	if err == nil && from == nil {
		err = errors.New("there is nothing to merge into it")
	}
	if err != nil {
		return nil, err
	}
	file, err := root(existing)
	if err != nil {
		return nil, err
	}
	if file == nil {
		return append(comments(existing), ours...), nil
	}
	if err := mergeInto(file.Content[0], from.Content[0], use); err != nil {
		return nil, err
	}
	out, err := encode(file)
	if err != nil {
		return nil, err
	}
	if equal, err := sameContent(existing, out); err != nil || equal {
		return existing, err
	}
	return out, nil
}

func mergeInto(to, from *yaml.Node, use bool) error {
	if len(to.Content) == 0 {
		to.Style = 0 // {} grows in the usual style
	}
	for _, key := range []string{"apiVersion", "kind"} {
		if field(to, key) == nil {
			setField(to, key, likeIts(to, field(from, key)))
		}
	}
	for _, s := range sections() {
		if err := mergeSection(to, from, s[0], s[1]); err != nil {
			return err
		}
	}
	if current := field(to, "current-context"); use || current == nil || current.Value == "" {
		setField(to, "current-context", likeIts(to, field(from, "current-context")))
	}
	return nil
}

// root reads one kubeconfig; it is nil for a file without any content.
func root(data []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var file, more yaml.Node
	switch err := d.Decode(&file); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has more than one document")
	}
	top := file.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if kind := field(top, "kind"); top.Kind != yaml.MappingNode || kind != nil && kind.Value != "Config" {
		return nil, errors.New("it is something else than a kubeconfig")
	}
	return &file, nil
}

// comments are the lines of comment of a file without any content.
func comments(data []byte) []byte {
	var out []byte
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("#")) {
			out = append(append(out, line...), '\n')
		}
	}
	return out
}

// mergeSection brings the entries of one list over.
func mergeSection(to, from *yaml.Node, list, inner string) error {
	have, err := listOf(to, list)
	if err != nil {
		return err
	}
	news, err := listOf(from, list)
	if err != nil {
		return err
	}
	for _, entry := range news.Content {
		name := nameOf(entry)
		at := slices.IndexFunc(have.Content, func(n *yaml.Node) bool { return nameOf(n) == name })
		if at < 0 {
			have.Content = append(have.Content, likeIts(to, entry))
			continue
		}
		old := have.Content[at]
		value := likeIts(to, field(entry, inner))
		if before := field(old, inner); list == "contexts" && before != nil && before.Kind == yaml.MappingNode {
			// A namespace that the user chose stays chosen.
			for i := 0; i < len(value.Content); i += 2 {
				setField(before, value.Content[i].Value, value.Content[i+1])
			}
			value = before
		}
		setField(old, inner, value)
		rest := slices.DeleteFunc(slices.Clone(have.Content[at+1:]), func(n *yaml.Node) bool { return nameOf(n) == name })
		have.Content = append(have.Content[:at+1], rest...)
	}
	return nil
}

// listOf returns the list under the key, which is made if it is not there.
func listOf(m *yaml.Node, key string) (*yaml.Node, error) {
	list := field(m, key)
	if list == nil || list.Kind == yaml.ScalarNode && list.Tag == "!!null" {
		setField(m, key, &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"})
		list = field(m, key)
	}
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("%s is not a list", key)
	}
	if len(list.Content) == 0 && m.Style&yaml.FlowStyle == 0 {
		list.Style = 0 // [] grows in the file's own style
	}
	return list, nil
}

func nameOf(entry *yaml.Node) string {
	if name := field(entry, "name"); name != nil {
		return name.Value
	}
	return ""
}

// field returns the value under the key of a mapping, or nil.
func field(m *yaml.Node, key string) *yaml.Node {
	for i := 0; m != nil && m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// setField puts the value under the key, with the comments of what it replaces.
func setField(m *yaml.Node, key string, value *yaml.Node) {
	if old := field(m, key); old != nil {
		head, line, foot := old.HeadComment, old.LineComment, old.FootComment
		*old = *value
		old.HeadComment, old.LineComment, old.FootComment = head, line, foot
		return
	}
	m.Content = append(m.Content, likeIts(m, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}), value)
}

// likeIts gives a node of ours the style of the file: one that is JSON stays so.
func likeIts(file, n *yaml.Node) *yaml.Node {
	if file.Style&yaml.FlowStyle == 0 {
		return n
	}
	if n.Style = yaml.FlowStyle; n.Kind == yaml.ScalarNode {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		likeIts(file, c)
	}
	return n
}

// encode writes the file, its lists set in as they were.
func encode(file *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if !setsIn(file.Content[0]) {
		e.CompactSeqIndent()
	}
	err := e.Encode(file)
	return out.Bytes(), errors.Join(err, e.Close())
}

// setsIn reports whether lists stand further in than their keys; kubectl does
// not write them so.
func setsIn(m *yaml.Node) bool {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if key, value := m.Content[i], m.Content[i+1]; value.Kind == yaml.SequenceNode && len(value.Content) > 0 && value.Line > key.Line {
			return value.Column > key.Column
		}
	}
	return false
}

func sameContent(a, b []byte) (bool, error) {
	var x, y any
	if err := errors.Join(yaml.Unmarshal(a, &x), yaml.Unmarshal(b, &y)); err != nil {
		return false, err
	}
	return reflect.DeepEqual(x, y), nil
}
