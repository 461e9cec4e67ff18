// Package kubeapi is the Kubernetes API of a K3s cluster, reached from inside
// one of its servers: the port need not be open to the LAN. One connection
// through the host carries all requests at once.
//
// It imports provision/cluster, provision/converge, provision/machine and
// k3s/kubeconfig.
package kubeapi
