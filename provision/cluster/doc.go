// Package cluster says what may be done to one Kubernetes cluster and how it
// can fail.
//
// A Reader can only look; an API can also change. Whoever is handed a Reader
// cannot write by type. The real implementation, which reaches the API through
// the SSH connection of a server, is in k3s.
//
// It imports nothing of ours.
package cluster
