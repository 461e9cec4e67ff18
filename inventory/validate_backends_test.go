package inventory

import (
	"fmt"
	"strings"
	"testing"
)

func TestValidateBackends(t *testing.T) {
	t.Parallel()
	to := func(name, address, want string) serviceEdit {
		e := serviceEdit{name, "10.0.0.20:3000", "'" + address + "'", nil}
		if want != "" {
			e.want = []string{"6: to[0]: " + want}
		}
		return e
	}
	var many strings.Builder
	for i := range maxBackends + 1 {
		fmt.Fprintf(&many, "\n  - 10.9.0.%d:80", i+1)
	}
	for _, e := range []serviceEdit{
		{"none", "to:\n  - 10.0.0.20:3000", "to: []", []string{"5: to: is missing"}},
		{"too many", "\n  - 10.0.0.20:3000", many.String(), []string{"5: to: more than 100 servers"}},
		{"IPv4 and IPv6", ":3000", ":3000\n  - '[fd00::20]:3000'\n  - '[2001:db8::1]:1'", nil},
		{"twice", ":3000", ":3000\n  - 10.0.0.20:3000", []string{"7: to[1]: the same as to[0]"}},
		{"IPv6 twice", "10.0.0.20:3000", "'[fd00::20]:1'\n  - '[FD00:0::20]:1'", []string{"7: to[1]: the same as to[0]"}},
		{"two ports", ":3000", ":3000\n  - 10.0.0.20:3001", []string{"7: to[1]: the address of to[0] with another port, which Traefik would pass over"}},
		to("highest port", "10.0.0.20:65535", ""),
		to("no port", "10.0.0.20", "not address:port"),
		to("port zero", "10.0.0.20:0", "not a port"),
		to("high port", "10.0.0.20:65536", "not address:port"),
		to("name", "git.lan:3000", "not address:port"),
		to("URL", "http://10.0.0.20:3000", "not address:port"),
		to("IPv6 without brackets", "fd00::20:3000", "not address:port"),
		to("loopback", "127.0.0.1:3000", "a loopback address, which on the nodes is the node itself"),
		to("IPv6 loopback", "[::1]:3000", "a loopback address, which on the nodes is the node itself"),
		to("unspecified", "0.0.0.0:3000", "no address of one server"),
		to("link-local", "169.254.0.7:80", "a link-local address, which Kubernetes does not accept"),
		to("zone", "[fe80::1%eth0]:80", "a link-local address, which Kubernetes does not accept"),
		to("multicast", "224.0.0.1:80", "a multicast address"),
		to("IPv6 multicast", "[ff05::2]:80", "a multicast address"),
		to("broadcast", "255.255.255.255:80", "a network's or broadcast address"),
		to("LAN's broadcast", "10.0.0.255:80", "a network's or broadcast address"),
		to("LAN", "10.0.0.0:80", "a network's or broadcast address"),
		to("mapped", "[::ffff:10.0.0.20]:80", "an IPv4 address in IPv6 form"),
		to("pod", "10.42.0.7:80", "inside k3s.podCIDR, which is the cluster's own"),
		to("service", "10.43.0.1:443", "inside k3s.serviceCIDR, which is the cluster's own"),
		to("edge", "10.0.0.11:443", "the edge itself: requests would go round in a circle"),
		to("tunnel", "10.0.0.11:8444", "the edge itself: requests would go round in a circle"),
		to("beside the edge", "10.0.0.11:3000", ""),
	} {
		e.run(t)
	}
}

// Where the cluster's networks are others, theirs are what is refused.
func TestBackendsAndOtherNetworks(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.replace("k3s:", "k3s: {podCIDR: 172.20.0.0/16, serviceCIDR: 172.21.0.0/16}")
	f.write("services/git.yaml", testdata(t, "service.yaml")+"  - 10.42.0.1:80\n  - 172.20.0.1:80\n", 0o644)
	f.expect("services/git.yaml:8: to[2]: inside k3s.podCIDR, which is the cluster's own")
}

func TestBackendHints(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"10.0.0.20": "write the port too, such as 10.0.0.20:3000", "fd00::1": "write the port too, such as [fd00::1]:3000",
		"http://10.0.0.20": "write it like 10.0.0.20:3000; what it speaks goes to the key scheme",
		"Git.lan:3000":     "write it like 10.0.0.20:3000; the edge does not ask DNS for it",
		"10.0.0.20:":       "write it like 10.0.0.20:3000", "": "write it like 10.0.0.20:3000",
	} {
		if got := backendHint(to); got != want {
			t.Errorf("hint for %q is %q, want %q", to, got, want)
		}
	}
}

func TestValidateBackendTLS(t *testing.T) {
	t.Parallel()
	const https = "scheme: https\ntls: "
	for _, e := range []serviceEdit{
		with("https", "scheme: https"),
		with("scheme", "scheme: h2c", "5: scheme: not one of http, https"),
		with("http with tls", "tls: {insecure: true}", "5: tls: needs scheme: https"),
		with("CA", https+"{ca: file:ca.pem, serverName: pve.lan}"),
		with("address as name", https+"{serverName: 10.0.0.20}"),
		with("bad name", https+"{serverName: pve_1.lan}", "6: tls.serverName: neither a host name nor an address"),
		with("CA and insecure", https+"{ca: file:ca.pem, insecure: true}", "6: tls.ca: excludes tls.insecure"),
		with("insecure", https+"{insecure: true, serverName: pve}"),
		with("CA without file:", https+"{ca: ca.pem}", "6: tls.ca: not file:PATH"),
		with("no CA", https+"{ca: 'file:'}", "6: tls.ca: not file:PATH"),
		with("missing CA", https+"{ca: file:../ca.pem}", "6: tls.ca: ca.pem: no such file or directory"),
		with("no certificate", https+"{ca: file:git.yaml}", "6: tls.ca: services/git.yaml holds no certificate"),
	} {
		e.run(t)
	}
}
