// Package token reads and writes the join tokens of K3s: a bare secret, or
// K10<hash of the cluster's CA>::user:secret. It imports nothing of ours.
package token
