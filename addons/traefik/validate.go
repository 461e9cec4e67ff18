package traefik

import (
	"errors"
	"fmt"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// render returns the DaemonSet that Helm would make of the chart with the
// values, later ones over earlier ones, and applies those rules of the API
// server that values can break. Nothing is installed.
func render(chartTGZ []byte, values ...[]byte) (daemonSet, error) {
	d, err := rendered(chartTGZ, values...)
	if err != nil {
		return daemonSet{}, machine.WithHint(fmt.Errorf("try the chart of Traefik: %w", err),
			"Traefik stays as it is; k3sedge does not know this chart well enough: choose another release of K3s as k3s.version")
	}
	return d, nil
}

func rendered(chartTGZ []byte, values ...[]byte) (daemonSet, error) {
	manifests, err := ref().Render(chartTGZ, values...)
	if err != nil {
		return daemonSet{}, err
	}
	docs, err := chart.Decode[daemonSet](manifests)
	if err != nil {
		return daemonSet{}, err
	}
	for _, d := range docs {
		if d.Kind == "DaemonSet" && d.Metadata.Name == name {
			return d, d.refused()
		}
	}
	return daemonSet{}, errors.New("it makes no DaemonSet traefik of our values")
}

// daemonSet is what we read of a DaemonSet, rendered or on the cluster.
type daemonSet struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name       string `json:"name"`
		Generation int64  `json:"generation"`
	} `json:"metadata"`
	Spec struct {
		UpdateStrategy struct {
			RollingUpdate struct {
				MaxUnavailable any `json:"maxUnavailable" yaml:"maxUnavailable"`
				MaxSurge       any `json:"maxSurge" yaml:"maxSurge"`
			} `json:"rollingUpdate" yaml:"rollingUpdate"`
		} `json:"updateStrategy" yaml:"updateStrategy"`
		Template struct {
			Spec struct {
				Containers []struct {
					Name  string   `json:"name"`
					Image string   `json:"image"`
					Args  []string `json:"args"`
				} `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
	Status chart.Rollout `json:"status"`
}

// refused gives the API server's reason to refuse the DaemonSet, if it has one
// that depends on values. Charts render both of these without a word.
func (d daemonSet) refused() error {
	roll := d.Spec.UpdateStrategy.RollingUpdate
	unavailable, surge := isZero(roll.MaxUnavailable), isZero(roll.MaxSurge)
	switch {
	case roll.MaxUnavailable == nil && roll.MaxSurge == nil:
		return nil // the API server's defaults suit one another
	case unavailable && surge:
		return errors.New("the API server refuses maxUnavailable 0 together with maxSurge 0")
	case !unavailable && !surge:
		return errors.New("the API server refuses maxSurge together with maxUnavailable: one of them has to be 0")
	}
	return nil
}

// isZero reports whether a number of pods, or a share of them, is none.
func isZero(v any) bool {
	s := fmt.Sprint(v)
	return v == nil || s == "0" || s == "0%"
}

// container returns image and arguments of Traefik itself.
func (d daemonSet) container() (image string, args []string) {
	for _, c := range d.Spec.Template.Spec.Containers {
		if c.Name == name {
			return c.Image, c.Args
		}
	}
	return "", nil
}
