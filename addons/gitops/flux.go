package gitops

import (
	"cmp"
	"path"

	"github.com/k3sedge/k3sedge/addons/object"
)

// The names that `flux bootstrap` gives by default.
const (
	fluxNamespace = "flux-system"
	fluxSource    = "flux-system"
	fluxFile      = "flux.yaml"
)

// fluxKustomization is a kustomize.toolkit.fluxcd.io/v1 Kustomization.
type fluxKustomization struct {
	object.Meta `json:"-"`
	Spec        fluxSpec `json:"spec"`
}

type fluxSpec struct {
	Interval      string      `json:"interval"`
	RetryInterval string      `json:"retryInterval"` // kinds that a chart brings may not be there yet
	Timeout       string      `json:"timeout"`
	Prune         bool        `json:"prune"`
	Wait          bool        `json:"wait"`
	SourceRef     fluxRef     `json:"sourceRef"`
	Path          string      `json:"path"`
	DependsOn     []fluxAfter `json:"dependsOn,omitempty"`
}

type fluxRef struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type fluxAfter struct {
	Name string `json:"name"`
}

// Kind implements object.Object.
func (fluxKustomization) Kind() object.Kind {
	return object.Kind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Name: "Kustomization", Plural: "kustomizations"}
}

// flux is a folder for each part, and a Kustomization for each folder that
// waits for the one before. The list of the top names the Kustomizations alone,
// so that a Flux that reads the whole folder does not apply its contents twice.
func (b *builder) flux() error {
	var kustomizations []object.Object
	before := ""
	for _, part := range parts() {
		there := false
		for _, g := range b.Groups {
			if g.Part != part {
				continue
			}
			text, err := object.YAML(g.Objects...)
			if err != nil {
				return err
			}
			b.out[path.Join(part.folder(), cmp.Or(g.Name, string(part)))+".yaml"] = text
			there = true
		}
		if !there {
			continue
		}
		k := b.fluxPart(part, before)
		before = k.Name
		kustomizations = append(kustomizations, k)
	}
	text, err := object.YAML(kustomizations...)
	if err != nil {
		return err
	}
	b.out[fluxFile] = text
	return b.listed("kustomization.yaml", fluxFile)
}

func (b *builder) fluxPart(part Part, before string) fluxKustomization {
	k := fluxKustomization{
		Meta: object.Meta{Name: "k3sedge-" + string(part), Namespace: fluxNamespace},
		Spec: fluxSpec{
			Interval: "10m", RetryInterval: "1m", Timeout: "5m", Prune: true,
			// Nothing waits for the services, of which one may wait for a certificate.
			Wait:      part != PartServices,
			SourceRef: fluxRef{"GitRepository", fluxSource}, Path: "./" + path.Join(b.Path, part.folder()),
		},
	}
	if before != "" {
		k.Spec.DependsOn = []fluxAfter{{before}}
	}
	return k
}
