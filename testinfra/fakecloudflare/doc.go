// Package fakecloudflare is a stand-in for Cloudflare: the part of its API v4
// that k3sedge and cert-manager use, its name servers, its edge, and the end of
// its tunnels. It is not Cloudflare.
//
// It refuses what the real thing refuses, with the codes and words that are
// seen in the wild. What it was not taught it rejects loudly: 501 with code
// [NotTaught] and what was asked, which also stands in the log of [Server.Calls].
// It never guesses.
//
// What differs from the real thing, on purpose:
//   - HTTP/1.1 only, at the API and at the edge; no web sockets at the edge.
//   - API tokens only, no global key. Rights are [Grant]s by zone and account;
//     there is no API to edit them.
//   - Records are A, AAAA, CNAME and TXT; tags, settings and the batch call are
//     not taught. Zones cannot be made or changed.
//   - A tunnel's connectors speak a protocol of our own (package wire), not that of
//     cloudflared, over port 7844 all the same. The program is testinfra/connector.
//   - The edge reaches origins through tunnels only, not by their addresses.
//   - A name without a certificate (two labels below its zone) fails the handshake,
//     with another alert than Cloudflare's.
//   - All lists are in the order in which things were made.
//   - There are no caches: a change is seen by the next question.
//   - [Server.Lab] sets switches and reads what is there. It is a handler of its
//     own, so that nobody who reaches the API can reach it.
//
// Start is the constructor for unit tests; New and the Serve methods are for the
// lab. It may import testinfra/ca, testinfra/fault and what is below its own folder.
package fakecloudflare
