// Package certmanager brings cert-manager, which has the certificates of the
// services signed, and says how far each of them is and what holds it up.
//
// The chart is cert-manager's own, of the one version in versions.go: pulled
// by the digest of its manifest, which is pinned there, or taken from the
// user's bundle. Helm tries it with our values before anything is written;
// K3s' Helm controller installs it. A cert-manager of somebody else's is found
// and left alone, and the kinds of objects stay when ours is taken away, as all
// of it does while somebody else's certificates need it.
//
// Names are proven by DNS records at Cloudflare. [Follow] reads the chain from
// a Certificate to the challenge that is not met, and tells it in one line.
//
// It may import inventory, provision/machine, provision/cluster,
// provision/converge, addons/apply, addons/chart and addons/object.
package certmanager
