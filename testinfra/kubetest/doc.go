// Package kubetest holds the rules that every cluster.API keeps, whatever is
// behind it: they run on the stand-in of testinfra/fakekube and on the real
// kube-apiserver of the lab.
//
// It makes namespaces of its own, changes nothing outside them, and takes them
// away again. It imports provision/cluster.
package kubetest
