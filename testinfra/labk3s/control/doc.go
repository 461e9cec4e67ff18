// Package control runs the real parts of a control plane: etcd in this
// process; kube-apiserver, kube-controller-manager and kube-scheduler as
// children of it, which are this program again under a hidden command. K3s
// runs them as goroutines; children keep their flags and metrics apart. It may
// import config.
package control
