package certmanager

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// values are what differs from the chart's own, which has no rights to spare
// for its pods.
type values struct {
	CRDs            crds       `yaml:"crds"`
	Global          global     `yaml:"global"`
	Nameservers     string     `yaml:"dns01RecursiveNameservers"`
	NameserversOnly bool       `yaml:"dns01RecursiveNameserversOnly"`
	Prometheus      switchable `yaml:"prometheus"`
	// APICheck is a job that waits as we do ourselves.
	APICheck switchable `yaml:"startupapicheck"`
}

type crds struct {
	Enabled bool `yaml:"enabled"`
	Keep    bool `yaml:"keep"` // with all certificates, when the chart goes
}

type global struct {
	LeaderElection leaderElection `yaml:"leaderElection"`
}

// leaderElection is in kube-system by default, and then needs rights there.
type leaderElection struct {
	Namespace string `yaml:"namespace"`
}

type switchable struct {
	Enabled bool `yaml:"enabled"`
}

func valuesFor(c inventory.Certificates) ([]byte, error) {
	v := values{
		CRDs:   crds{Enabled: true, Keep: true},
		Global: global{leaderElection{namespace}},
		// The LAN's own resolver may answer otherwise, or with what it remembers.
		Nameservers: strings.Join(c.Nameservers, ","), NameserversOnly: true,
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(v), e.Close()); err != nil {
		return nil, fmt.Errorf("render cert-manager's values: %w", err)
	}
	return out.Bytes(), nil
}

// manifest is what we read of what Helm makes of the chart.
type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name        string            `yaml:"name"`
		Namespace   string            `yaml:"namespace"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"metadata"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Args []string `yaml:"args"`
				} `yaml:"containers"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

// try has Helm render the chart with the values, and looks whether it makes
// what we count on. Nothing is installed.
func try(tgz, values []byte, nameservers []string) error {
	const hint = "cert-manager stays as it is; is the chart in the bundle that of another release?"
	err := judge(tgz, values, nameservers)
	if err != nil {
		return machine.WithHint(fmt.Errorf("try the chart of cert-manager: %w", err), hint)
	}
	return nil
}

func judge(tgz, values []byte, nameservers []string) error {
	version, err := chart.Load(tgz)
	if err != nil {
		return err
	}
	if want := Package().Version; version != want {
		return fmt.Errorf("it is version %s, wanted %s", version, want)
	}
	manifests, err := ref().Render(tgz, values)
	if err != nil {
		return err
	}
	docs, err := chart.Decode[manifest](manifests)
	if err != nil {
		return err
	}
	found := map[string]manifest{}
	for _, d := range docs {
		found[d.Kind+" "+d.Metadata.Name] = d
	}
	for _, d := range deployments() {
		if found["Deployment "+d].Metadata.Namespace != namespace {
			return fmt.Errorf("it makes no Deployment %s in namespace %s", d, namespace)
		}
	}
	if found["CustomResourceDefinition "+certificateCRD].Metadata.Annotations["helm.sh/resource-policy"] != "keep" {
		return errors.New("its kinds of objects, and all certificates with them, would go when it goes")
	}
	for _, c := range found["Deployment "+name].Spec.Template.Spec.Containers {
		if slices.Contains(c.Args, "--dns01-recursive-nameservers="+strings.Join(nameservers, ",")) {
			return nil
		}
	}
	return errors.New("it leaves out edge.certificates.nameservers")
}
