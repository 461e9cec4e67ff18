// Command connector is a stand-in for cloudflared: it connects a tunnel to the
// edge of testinfra/fakecloudflare and sends the tunnel's requests to the
// services that its rules name. It is not cloudflared, and says so when it
// starts.
//
//	connector tunnel --no-autoupdate --metrics 127.0.0.1:2000 run
//	connector tunnel --config FILE run
//
// The token comes from TUNNEL_TOKEN or TUNNEL_TOKEN_FILE; one in the arguments,
// where every user of the machine can read it, is refused. A locally managed
// tunnel has its rules and its credentials in files. Any option that it was not
// taught is refused.
//
// What it knows of cloudflared: four connections to region1.v2.argotunnel.com,
// port 7844; which rule a request meets; http_status, http and https services
// with the usual options of originRequest; /ready, /healthcheck, /config and the
// number of connections in /metrics. It ends when its token is refused and comes
// back when the edge has gone. Web sockets, TCP services and QUIC are not taught.
//
// It may import testinfra/fakecloudflare/ingress and testinfra/fakecloudflare/wire.
package main
