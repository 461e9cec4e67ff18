// Package cloudflare keeps at Cloudflare what the services need there: a tunnel,
// its rules, and DNS records.
//
// Records and rules carry a mark that names the cluster and the service. What
// has another mark, or none, is somebody else's: it is shown, and changed only
// where the user says adopt. What is wanted is a pure function of the files
// ([Records], [Rules]); a [Run] looks, changes and looks again.
//
// It speaks plain HTTP. The official library would be a direct dependency with
// some ninety packages for fifteen calls, and it repeats requests by itself: a
// write whose answer was lost must not be sent again blindly, but looked at.
//
// A [Reader] can only look, so that a plan cannot write by type. No error,
// event or text holds the token.
//
// It imports inventory, provision/converge, provision/machine, addons/traefik
// for the port of the tunnel's entrypoint, and net/http.
package cloudflare
