package certmanager

import "github.com/k3sedge/k3sedge/addons/chart"

// Package is the chart that is installed. 1.19.0 is never to be one: it issued
// every certificate anew (cert-manager#8158).
//
// The digest is that of the manifest in the registry, as Helm printed it when
// it pulled v1.21.2 for at least six projects that do not know of one another.
func Package() chart.Package {
	return chart.Package{
		Repository: "quay.io/jetstack/charts/cert-manager",
		Version:    "v1.21.2",
		Digest:     "sha256:634dce9c13b56677a2c05e2ab76c312d0be2664022d5dd05815da67e1fd5f610",
	}
}
