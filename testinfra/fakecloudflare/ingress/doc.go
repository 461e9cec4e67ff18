// Package ingress is what a Cloudflare tunnel knows of where its requests go:
// the rules, what Cloudflare and cloudflared refuse in them, and which rule a
// request meets. The API's stand-in and the connector's share it.
//
// It imports nothing of ours.
package ingress
