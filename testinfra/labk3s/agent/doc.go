// Package agent joins a node to a cluster as K3s' agents do: the token's CA
// hash is checked, the node's password shown, certificates fetched, the local
// load balancer started. It may import config, pki, supervisor and token.
package agent
