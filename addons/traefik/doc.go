// Package traefik configures the Traefik that K3s carries, through its
// HelmChartConfig, and judges whether it runs as configured.
//
// It may import inventory, provision/machine, provision/cluster,
// provision/converge and addons/object.
package traefik
