package gitops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Format is the engine that an export is for.
type Format string

// The formats.
const (
	YAML      Format = "yaml" // the default, for kubectl
	Kustomize Format = "kustomize"
	Flux      Format = "flux"
	ArgoCD    Format = "argocd"
)

// Part is a stage of the cluster. Parts are applied in the order in which they
// are listed here: each needs what comes before it.
type Part string

// The parts.
const (
	PartTraefik     Part = "traefik"
	PartCertManager Part = "cert-manager"
	PartIssuers     Part = "issuers" // they need cert-manager's kinds
	PartTunnel      Part = "tunnel"
	PartEdge        Part = "edge"     // what all services refer to
	PartServices    Part = "services" // one file each
)

func parts() []Part {
	return []Part{PartTraefik, PartCertManager, PartIssuers, PartTunnel, PartEdge, PartServices}
}

// number is what file names begin with. It does not depend on which other
// parts there are.
func (p Part) number() int { return (slices.Index(parts(), p) + 1) * 10 }

// folder is the name of the part as file names have it.
func (p Part) folder() string { return fmt.Sprintf("%d-%s", p.number(), p) }

// Group is objects that come into one file.
type Group struct {
	Part    Part
	Name    string // tells the groups of a part apart; may be empty where there is one
	Objects []object.Object
	// Filled are secrets that the objects name and that others fill, with
	// nothing in them but who does. They are in no file, sealed or not.
	Filled []object.Secret
}

// Export is what a folder gets.
type Export struct {
	Cluster string
	Format  Format
	Groups  []Group
	// Repo is the address of the repository that the folder lies in, for Argo
	// CD, and Path the folder's in it, for Argo CD and Flux.
	Repo, Path string
	// Seal is nil where secrets are only named.
	Seal *Sealer
}

// Files are the contents of a folder by their paths in it.
type Files map[string][]byte

// Counts says what became of the secrets.
type Counts struct {
	Sealed int `json:"sealed"` // in the files
	Anew   int `json:"anew"`   // of these, with other bytes than before
	Named  int `json:"named"`  // not in the files, for want of somebody to seal them for
	Filled int `json:"filled"` // not in the files, for others fill them
}

var errPart = errors.New("there is no such part")

// Files renders the export. former are the files that it takes the place of:
// a secret that has not changed stays as it is sealed there.
func (e Export) Files(former Files) (Files, Counts, error) {
	for _, g := range e.Groups {
		if g.Part.number() == 0 {
			return nil, Counts{}, fmt.Errorf("%q: %w", g.Part, errPart)
		}
	}
	b := builder{Export: e, out: Files{}, former: sealedIn(former)}
	if err := b.secrets(); err != nil {
		return nil, Counts{}, err
	}
	layout := map[Format]func() error{YAML: b.plain, Kustomize: b.kustomize, Flux: b.flux, ArgoCD: b.argocd}[e.Format]
	if layout == nil {
		return nil, Counts{}, machine.WithHint(fmt.Errorf("%q is no format", e.Format), "yaml, kustomize, flux or argocd")
	}
	if err := layout(); err != nil {
		return nil, Counts{}, err
	}
	return b.out, b.counts, b.words()
}

// builder puts the files together.
type builder struct {
	Export
	out    Files
	former map[string]object.SealedSecret
	counts Counts
	named  []object.Secret
	sealed []object.Secret
}

// secrets takes the place of each group's secrets.
func (b *builder) secrets() error {
	var groups []Group
	for _, g := range b.Groups {
		var objects []object.Object
		for _, o := range g.Objects {
			shown, err := b.shown(o)
			if err != nil {
				return err
			}
			objects = append(objects, shown...)
		}
		b.named = append(b.named, g.Filled...)
		b.counts.Filled += len(g.Filled)
		if g.Objects = objects; len(objects) > 0 {
			groups = append(groups, g)
		}
	}
	b.Groups = groups
	return nil
}

// shown is an object as it may stand in a file: a secret is sealed, or is not
// there and only named. A Secret that hides nothing, such as an authority's
// certificate, stays.
func (b *builder) shown(o object.Object) ([]object.Object, error) {
	s, ok := o.(object.Secret)
	switch {
	case !ok || len(s.Hidden) == 0:
		return []object.Object{o}, nil
	case b.Seal == nil:
		b.named = append(b.named, s)
		b.counts.Named++
		return nil, nil
	}
	sealed, err := b.seal(s)
	return []object.Object{sealed}, err
}

func (b *builder) seal(s object.Secret) (object.SealedSecret, error) {
	sealed, kept, err := b.Seal.secret(s, b.former[object.Path(s)])
	if err != nil {
		return sealed, fmt.Errorf("seal the Secret %s/%s: %w", s.Namespace, s.Name, err)
	}
	b.sealed = append(b.sealed, s)
	b.counts.Sealed++
	if !kept {
		b.counts.Anew++
	}
	return sealed, nil
}

// file is where a group goes where all are in one folder.
func (g Group) file() string {
	name := g.Part.folder()
	if g.Name != "" {
		name += "-" + g.Name
	}
	return name + ".yaml"
}
