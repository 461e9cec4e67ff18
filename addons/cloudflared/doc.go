// Package cloudflared runs Cloudflare's connector on every node: a pod on the
// node's own network that dials out and hands requests over to the node's
// Traefik, at the entrypoint on loopback that only public services are on.
//
// With remote management the pod has a token and gets its rules from
// Cloudflare; with local management it has the tunnel's credentials and a
// configuration with the rules of the services, and a change of them restarts
// it. Which tunnel it is comes from [Config.Connector].
//
// It may import inventory, provision/machine, provision/cluster,
// provision/converge, addons/apply, addons/chart, addons/cloudflare and addons/object.
package cloudflared
