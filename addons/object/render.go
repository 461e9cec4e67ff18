package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// mask stands for a secret in what people see. It is no base64, so that a
// document with it is refused rather than applied.
const mask = "***"

// ToCluster makes the object as the API takes it, with our label and the
// checksum. It holds the object's secrets.
func ToCluster(o Object) (cluster.Object, error) {
	data, err := render(o, true)
	return cluster.Object{Path: Path(o), JSON: data}, err
}

// Shown is the same document with *** in the place of each secret.
func Shown(o Object) ([]byte, error) { return render(o, false) }

// Checksum is the value of the annotation Applied. It does not depend on secrets.
func Checksum(o Object) (string, error) {
	data, err := marshal(o, o.meta(), false)
	return fmt.Sprintf("sha256:%x", sha256.Sum256(data)), err
}

func render(o Object, secrets bool) ([]byte, error) {
	m, err := Applies(o)
	if err != nil {
		return nil, err
	}
	return marshal(o, m, secrets)
}

// Applies is what an object is applied with: its own Meta, our label and the
// checksum.
func Applies(o Object) (Meta, error) {
	sum, err := Checksum(o)
	if err != nil {
		return Meta{}, err
	}
	m := o.meta()
	m.Labels = with(m.Labels, ManagedBy, cluster.FieldManager)
	m.Annotations = with(m.Annotations, Applied, sum)
	return m, nil
}

// Annotated is Shown as YAML, with annotations that are for another tool and
// do not count for the checksum.
func Annotated(o Object, annotations map[string]string) ([]byte, error) {
	m, err := Applies(o)
	if err != nil {
		return nil, err
	}
	for key, value := range annotations {
		m.Annotations = with(m.Annotations, key, value)
	}
	data, err := marshal(o, m, false)
	if err != nil {
		return nil, err
	}
	document, err := FromJSON(data)
	if err != nil {
		return nil, fmt.Errorf("write %s as YAML: %w", Path(o), err)
	}
	return document, nil
}

// with is m and one key more; m is left as it is.
func with(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	maps.Copy(out, m)
	return out
}

// marshal writes what the object is, then its fields.
func marshal(o Object, m Meta, secrets bool) ([]byte, error) {
	head, err := json.Marshal(struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   Meta   `json:"metadata"`
	}{o.Kind().APIVersion(), o.Kind().Name, m})
	if err != nil {
		return nil, fmt.Errorf("marshal the head of %s: %w", Path(o), err)
	}
	var fields any = o
	if s, ok := o.(Secret); ok {
		fields = s.fields(secrets)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("marshal %s: %w", Path(o), err)
	}
	if bytes.Equal(body, []byte("{}")) {
		return head, nil
	}
	// Two JSON objects become one.
	return append(append(head[:len(head)-1], ','), body[1:]...), nil
}

// fields is the Secret as the API has it, or masked.
func (s Secret) fields(reveal bool) any {
	data := map[string]any{}
	for key, value := range s.Data {
		data[key] = value
	}
	for key, value := range s.Hidden {
		data[key] = mask
		if reveal {
			data[key] = []byte(value.Reveal())
		}
	}
	return struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data"`
	}{s.Type, data}
}

// YAML is the objects as people read them: one document each, in their order,
// with *** in the place of each secret.
func YAML(objects ...Object) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		document, err := Annotated(o, nil)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(document)
	}
	return out.Bytes(), nil
}

// FromJSON is a JSON document as YAML, in the same order. JSON is YAML already;
// only its looks change.
func FromJSON(data []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	plain(&doc)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}

// plain takes the JSON out of the look of a document, as far as every reader
// of YAML, old ones too, still takes each string for a string.
func plain(n *yaml.Node) {
	switch {
	case n.Kind != yaml.ScalarNode:
		n.Style = 0
	case strings.Contains(n.Value, "\n"):
		n.Style = yaml.LiteralStyle
	case word.MatchString(n.Value) && !oldBool.MatchString(n.Value):
		n.Style = 0 // the encoder quotes the words that are none, such as true
	}
	for _, child := range n.Content {
		plain(child)
	}
}

var (
	word    = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9./@_-]*$`)
	oldBool = regexp.MustCompile(`^(?i:y|n|yes|no|on|off)$`)
)
