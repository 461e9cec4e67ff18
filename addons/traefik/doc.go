// Package traefik configures the Traefik that K3s carries, through its
// HelmChartConfig, and judges whether it runs as configured.
//
// The values are rendered for the version of the chart that the cluster itself
// names, and judged by Helm with that very chart before they are written.
// Whether they took effect is told by Helm's release, by the DaemonSet and by
// the arguments of its pods, never by time.
//
// It may import inventory, provision/machine, provision/cluster,
// provision/converge and addons/object.
package traefik
