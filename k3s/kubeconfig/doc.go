// Package kubeconfig reads the kubeconfig that a K3s server writes, makes the
// user's own out of it, and merges that into the file that the user has.
//
// A file of the user is changed by parsing: what is not ours, its order and
// its comments stay.
//
// It imports provision/machine.
package kubeconfig
