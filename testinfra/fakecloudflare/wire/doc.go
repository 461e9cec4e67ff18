// Package wire is the protocol between the connector's stand-in and the edge's.
// It is ours, not cloudflared's: over TLS the connector says who it is in one
// line of JSON and is answered in one; then the edge sends HTTP/2 requests over
// that connection, and the connector is their server.
//
// It imports nothing of ours.
package wire
