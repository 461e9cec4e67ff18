// Command crdgen makes the chart traefik-crd of the definitions that are
// inside Traefik's own module. It runs before the lab's K3s is built:
//
//	go run ./charts/crdgen FILE charts/packed
//
// It may import charts.
package main
