// Package chart is what all charts have in common that K3s' Helm controller
// installs: where it keeps what it did, why its job fails, how a pod stands,
// and what Helm makes of a chart and its values before anything is installed.
//
// It may import provision/machine, provision/cluster and inventory, and is the
// only one to import Helm.
package chart
