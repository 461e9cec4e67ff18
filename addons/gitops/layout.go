package gitops

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/object"
)

// plain is one file a group in one folder; kubectl reads them in the order of
// their names.
func (b *builder) plain() error { return b.flat("", nil) }

// kustomize is the same with a list of the files.
func (b *builder) kustomize() error {
	if err := b.plain(); err != nil {
		return err
	}
	var files []string
	for _, g := range b.Groups {
		files = append(files, g.file())
	}
	slices.Sort(files)
	return b.listed("kustomization.yaml", files...)
}

// flat writes one file a group. wave, where it is not nil, gives an object the
// annotations of its engine.
func (b *builder) flat(folder string, wave func(Part, object.Object) map[string]string) error {
	for _, g := range b.Groups {
		var out bytes.Buffer
		for i, o := range g.Objects {
			var more map[string]string
			if wave != nil {
				more = wave(g.Part, o)
			}
			document, err := object.Annotated(o, more)
			if err != nil {
				return err
			}
			if i > 0 {
				out.WriteString("---\n")
			}
			out.Write(document)
		}
		b.out[folder+g.file()] = out.Bytes()
	}
	return nil
}

// listed writes a kustomization.yaml.
func (b *builder) listed(path string, resources ...string) error {
	text, err := marshal(struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Resources  []string `yaml:"resources"`
	}{"kustomize.config.k8s.io/v1beta1", "Kustomization", resources})
	b.out[path] = text
	return err
}

func marshal(doc any) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), e.Close()
}
