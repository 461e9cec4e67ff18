package gitops

import (
	"errors"
	"path"
	"strconv"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const (
	argoFile   = "application.yaml"
	argoFolder = "manifests"
	syncWave   = "argocd.argoproj.io/sync-wave"
)

var errNoRepo = errors.New("an Application of Argo CD names its repository")

// argoApplication is an argoproj.io/v1alpha1 Application.
type argoApplication struct {
	object.Meta `json:"-"`
	Spec        argoSpec `json:"spec"`
}

type argoSpec struct {
	Project     string          `json:"project"`
	Source      argoSource      `json:"source"`
	Destination argoDestination `json:"destination"`
	SyncPolicy  argoSync        `json:"syncPolicy"`
}

type argoSource struct {
	RepoURL        string `json:"repoURL"`
	Path           string `json:"path"`
	TargetRevision string `json:"targetRevision"`
}

type argoDestination struct {
	Server string `json:"server"`
}

type argoSync struct {
	Automated   argoAutomated `json:"automated"`
	SyncOptions []string      `json:"syncOptions"`
	Retry       argoRetry     `json:"retry"`
}

type argoAutomated struct {
	Prune    bool `json:"prune"`
	SelfHeal bool `json:"selfHeal"`
}

type argoRetry struct {
	Limit   int         `json:"limit"`
	Backoff argoBackoff `json:"backoff"`
}

type argoBackoff struct {
	Duration    string `json:"duration"`
	Factor      int    `json:"factor"`
	MaxDuration string `json:"maxDuration"`
}

// Kind implements object.Object.
func (argoApplication) Kind() object.Kind {
	return object.Kind{Group: "argoproj.io", Version: "v1alpha1", Name: "Application", Plural: "applications"}
}

// argocd is one Application, which stands outside of the folder that it is
// about, and objects in waves.
func (b *builder) argocd() error {
	if b.Repo == "" {
		return machine.WithHint(errNoRepo, "name it by --repo, as Argo CD reaches it")
	}
	text, err := object.YAML(argoApplication{
		Meta: object.Meta{Name: "k3sedge-" + b.Cluster, Namespace: "argocd"},
		Spec: argoSpec{
			Project: "default", Source: argoSource{b.Repo, path.Join(b.Path, argoFolder), "HEAD"},
			Destination: argoDestination{"https://kubernetes.default.svc"},
			SyncPolicy: argoSync{
				Automated: argoAutomated{true, true},
				// The chart of cert-manager is too large for the annotation of a
				// client-side apply, and brings kinds that are not there at first.
				SyncOptions: []string{"ServerSideApply=true", "SkipDryRunOnMissingResource=true"},
				Retry:       argoRetry{10, argoBackoff{"10s", 2, "3m"}},
			},
		},
	})
	if err != nil {
		return err
	}
	b.out[argoFile] = text
	return b.flat(argoFolder+"/", waves)
}

// waves go by part, and in it by phase.
func waves(p Part, o object.Object) map[string]string {
	return map[string]string{syncWave: strconv.Itoa(p.number() + object.Phase(o.Kind()))}
}
