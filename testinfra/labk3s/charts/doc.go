// Package charts carries what K3s packages: Helm charts, served from
// server/static/charts, and the manifests that install them.
//
// The chart traefik is a small one of the lab's own. It follows the value keys
// of the real chart 39, refuses what that chart refuses, and gives Traefik the
// arguments that chart would give; any key that it does not know is an error.
// The chart traefik-crd is made at build time by crdgen from the definitions
// inside Traefik's own module, so that no copy of them is kept here.
//
// It may import helm for the types of its manifests.
package charts
