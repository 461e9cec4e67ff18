// Package server puts a server of the lab's K3s together: authorities, tokens,
// etcd, the control plane's parts, the supervisor, and this node's own agent.
// It may import every package of this module that is not a part of main's.
package server
