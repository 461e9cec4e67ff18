// Package supervisor answers on 6443: K3s' own paths for joining nodes, the
// static files, and everything else handed on to kube-apiserver, with the name
// of whoever showed a client's certificate. It may import pki, token and config.
package supervisor
