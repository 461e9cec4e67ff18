//go:build linux

package e2e

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// public is an edge whose names are at Cloudflare and whose certificates come
// from an ACME server.
type public struct {
	*edge
	flare lab.Cloudflare
}

// newPublic brings the lab, its project and the whole edge up.
func newPublic(t *testing.T, name string) *public {
	s := newEdge(t, name, lab.WithCloudflare())
	token, err := s.lab.Cloudflare().Token()
	if err != nil {
		t.Fatal(err)
	}
	s.secrets = append(s.secrets, token)
	began := time.Now()
	r := s.must(0, "up")
	t.Logf("up took %.1f s\n%s", time.Since(began).Seconds(), r.stdout)
	p := &public{newEdgeClients(s), s.lab.Cloudflare()}
	// The operator's clients trust what the ACME server signs, and Cloudflare's edge.
	cmd, out, errs := p.command("curl", "--silent", "--show-error", "--fail", "--cacert", s.lab.CAFile(), lab.AcmeRoots)
	if err := cmd.Run(); err != nil {
		t.Fatalf("read the roots of the ACME server: %v %s", err, errs)
	}
	p.keep("acme.crt", out.Bytes())
	p.keep("ca.crt", slices.Concat(out.Bytes(), []byte("\n"), p.labCA()))
	return p
}

func (p *public) labCA() []byte {
	p.t.Helper()
	text, err := os.ReadFile(p.lab.CAFile())
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

func (p *public) on(t testing.TB) *public { return &public{p.edge.on(t), p.flare} }

// names are the records of Cloudflare in one line each, but for those of proofs.
func (p *public) names() []string {
	p.t.Helper()
	records, err := p.flare.Records(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	out := []string{}
	for _, r := range records {
		if !strings.HasPrefix(r.Name, "_acme-challenge.") {
			out = append(out, fmt.Sprintf("%s %s %s proxied=%t %s", r.Name, r.Type, r.Content, r.Proxied, r.Comment))
		}
	}
	slices.Sort(out)
	return out
}

// tunnels are those that were not deleted.
func (p *public) tunnels() []fakecloudflare.TunnelState {
	p.t.Helper()
	all, err := p.flare.Tunnels(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(s fakecloudflare.TunnelState) bool { return s.Deleted != nil })
}

// rules are the tunnel's, and the version of its configuration.
func (p *public) rules() (id string, rules []string) {
	p.t.Helper()
	tunnels := p.tunnels()
	if len(tunnels) != 1 {
		p.t.Fatalf("%d tunnels", len(tunnels))
	}
	if c := tunnels[0].Rules; c != nil {
		for _, r := range c.Ingress {
			rules = append(rules, strings.TrimSpace(r.Hostname+" "+r.Service))
		}
	}
	return tunnels[0].ID, rules
}

// wants holds everything that leads to services against what is to be.
func (p *public) wants(hosts map[string]bool) {
	p.t.Helper()
	id, got := p.rules()
	var records, rules []string
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		service, _, _ := strings.Cut(host, ".")
		mark := "k3sedge:" + p.cluster.ID + "/" + service
		if hosts[host] {
			records = append(records, fmt.Sprintf("%s CNAME %s.cfargotunnel.com proxied=true %s", host, id, mark))
			rules = append(rules, host+" http://127.0.0.1:8444")
			continue
		}
		for _, n := range p.cluster.Nodes {
			records = append(records, fmt.Sprintf("%s A %s proxied=false %s", host, n.Address, mark))
		}
	}
	slices.Sort(records)
	if names := p.names(); !slices.Equal(names, records) {
		p.t.Errorf("records\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(records, "\n"))
	}
	slices.Sort(rules)
	got = slices.DeleteFunc(got, func(r string) bool { return r == "http_status:404" })
	slices.Sort(got)
	if !slices.Equal(got, rules) {
		p.t.Errorf("rules %q, want %q", got, rules)
	}
	for host, public := range hosts {
		service, _, _ := strings.Cut(host, ".")
		var ingresses []string
		for _, o := range p.list("/apis/networking.k8s.io/v1/namespaces/edge-" + service + "/ingresses") {
			ingresses = append(ingresses, o.Metadata.Name)
		}
		slices.Sort(ingresses)
		want := []string{service}
		if public {
			want = []string{service, service + "-tunnel"}
		}
		if !slices.Equal(ingresses, want) {
			p.t.Errorf("Ingresses of %s: %v, want %v", host, ingresses, want)
		}
	}
}

// fromOutside asks as a visitor of the internet would: Cloudflare's edge.
func (p *public) fromOutside(host string, options ...string) reply {
	p.t.Helper()
	cmd, _, _ := p.command(curl(append(options, "--cacert", p.lab.CAFile(), "--connect-to", "::"+lab.CloudflareIP+":443", "https://"+host+"/")...)...)
	return curled(p.t, cmd)
}

// chain is the certificate that a node shows for a host, held against the roots
// of the ACME server alone.
func (p *public) chain(node int, host string) *x509.Certificate {
	p.t.Helper()
	cmd, out, errs := p.command("sh", "-c", "exec openssl s_client -connect "+p.cluster.Nodes[node].Address.String()+":443 -servername "+host+
		" -showcerts -verify_return_error -CAfile "+p.key("acme.crt")+" </dev/null")
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("%s at %s does not chain to the ACME server's root: %v\n%s%s", host, p.cluster.Nodes[node].Name, err, out, errs)
	}
	block, _ := pem.Decode(out.Bytes()[strings.Index(out.String(), "-----BEGIN CERTIFICATE"):])
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || cert.VerifyHostname(host) != nil {
		p.t.Fatalf("the certificate for %s: %v, names %v", host, err, cert.DNSNames)
	}
	return cert
}

// TestPublic goes from an empty Proxmox to services with certificates, names
// and a tunnel. The parts build on one another.
func TestPublic(t *testing.T) {
	t.Parallel() // it waits for cert-manager most of its time
	p := newPublic(t, "e2e-public")
	part := func(name string, run func(t *testing.T, p *public)) {
		began := time.Now()
		if !t.Run(name, func(t *testing.T) { run(t, p.on(t)) }) {
			t.Log("what follows may fail for the same reason")
		}
		t.Logf("%s: %.1f s", name, time.Since(began).Seconds())
	}
	part("a public service", publicService)
	part("a service of the LAN", lanService)
	part("up again changes nothing", publicAgain)
	part("K3s' controls, with cert-manager", func(t *testing.T, p *public) { k3sHolds(t, p.edge) })
	part("public to LAN and back", thereAndBack)
	part("renewed", renewed)
	p.edit(t, "(?m)^( +)issuer: acme$", "${1}issuer: acme\n${1}strategy: wildcard")
	part("one certificate for the zone", zoneCertificate)
	part("somebody else's name", foreignName)
	part("a tunnel deleted by hand", tunnelDeleted)
	part("each step is resumed", resumed)
	part("trouble at Cloudflare", flareTrouble)
	part("an export", publicExport)
	part("removed", nothingLeft)
}

// publicService: one command, and a visitor gets a page over a certificate that
// both nodes have from the ACME server.
func publicService(t *testing.T, p *public) {
	began := time.Now()
	r := p.must(0, "add-service", "git", "--host", "git.lab.test", "--to", "10.77.0.50:3000", "--expose", "public")
	t.Logf("add-service took %.1f s\n%s", time.Since(began).Seconds(), r.stderr)
	p.both(http.StatusOK, gitPage)
	for i := range p.cluster.Nodes {
		p.chain(i, "git.lab.test")
	}
	got := p.fromOutside("git.lab.test")
	var seen struct{ Headers map[string]string }
	if err := json.Unmarshal([]byte(got.body), &seen); err != nil || got.status != http.StatusOK {
		t.Fatalf("through the tunnel: %s (%v)", got, err)
	}
	if seen.Headers["X-Forwarded-Proto"] != "https" || seen.Headers["Cf-Connecting-Ip"] == "" {
		t.Errorf("the server saw %v", seen.Headers)
	}
	p.wants(map[string]bool{"git.lab.test": true})
}

// lanService is known to the LAN by name, and not reachable from outside, even
// for somebody who knows how to ask.
func lanService(t *testing.T, p *public) {
	p.must(0, "add-service", "wiki", "--host", "wiki.lab.test", "--to", "10.77.0.51:3000")
	p.both(http.StatusOK, "https://wiki.lab.test/")
	p.wants(map[string]bool{"git.lab.test": true, "wiki.lab.test": false})
	if r := p.fromOutside("wiki.lab.test"); r.status == http.StatusOK {
		t.Errorf("a LAN service from outside: %s", r)
	}
	if r := p.fromOutside("git.lab.test", "--header", "Host: wiki.lab.test"); r.status == http.StatusOK {
		t.Errorf("a LAN service by another one's name: %s", r)
	}
	for _, n := range p.cluster.Nodes {
		if r := p.fromTunnel(n.Name, "wiki.lab.test"); r.status != http.StatusNotFound {
			t.Errorf("a LAN service at the tunnel's entrypoint of %s: %s", n.Name, r)
		}
	}
}

// publicAgain: no change, no write, and no more questions than are needed.
func publicAgain(t *testing.T, p *public) {
	if err := p.flare.ForgetCalls(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r := p.must(0, "up", "--output", "json")
	t.Logf("the second up took %.2f s", time.Since(began).Seconds())
	if strings.Contains(r.stdout, "step-chang") {
		t.Errorf("the second run changed something:\n%s", r.stdout)
	}
	calls, err := p.flare.Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const most = 5 // the zone, its records, the tunnel, its token, its rules
	if len(calls) == 0 || len(calls) > most || slices.ContainsFunc(calls, fakecloudflare.Call.Writes) {
		t.Errorf("%d calls to Cloudflare, at most %d reads are needed: %v", len(calls), most, calls)
	}
	p.must(0, "up", "--plan")
	if s := p.must(0, "status").stdout; !strings.Contains(s, "healthy, 2 connectors") || !strings.Contains(s, "cert-manager: running") {
		t.Errorf("status:\n%s", s)
	}
}

// thereAndBack: after each change exactly what belongs to it is there.
func thereAndBack(t *testing.T, p *public) {
	for _, expose := range []string{"lan", "public"} {
		p.must(0, "add-service", "git", "--host", "git.lab.test", "--to", "10.77.0.50:3000", "--expose", expose, "--replace")
		public := expose == "public"
		p.wants(map[string]bool{"git.lab.test": public, "wiki.lab.test": false})
		if public { // the nodes have answered for the LAN; the tunnel's route may come a moment later
			eventually(t, "a visitor is served", 10*time.Second, func() bool { return p.fromOutside("git.lab.test").status == http.StatusOK })
		} else if r := p.fromOutside("git.lab.test"); r.status == http.StatusOK {
			t.Errorf("%s, from outside: %s", expose, r)
		}
		p.both(http.StatusOK, gitPage)
	}
}

// renewed: a certificate of three minutes is another one long before it ends,
// and there is no moment without one.
func renewed(t *testing.T, p *public) {
	p.edit(t, "(?m)^( +)profile: default$", "${1}profile: minutes\n${1}renewBeforePercentage: 90")
	p.must(0, "up")
	p.must(0, "add-service", "short", "--host", "short.lab.test", "--to", "10.77.0.50:3000")
	first := p.chain(0, "short.lab.test")
	if life := first.NotAfter.Sub(first.NotBefore); life > 5*time.Minute {
		t.Fatalf("it lives for %s", life)
	}
	eventually(t, "another certificate", 3*time.Minute, func() bool { return !p.chain(0, "short.lab.test").NotAfter.Equal(first.NotAfter) })
	p.both(http.StatusOK, "https://short.lab.test/")
	p.must(0, "remove-service", "short")
}

// zoneCertificate: from one strategy to the other nobody sees a host without
// certificate, and then one is for all.
func zoneCertificate(t *testing.T, p *public) {
	p.must(0, "up")
	for i := range p.cluster.Nodes {
		eventually(t, "the zone's certificate", 10*time.Second, func() bool { return slices.Contains(p.chain(i, "git.lab.test").DNSNames, "*.lab.test") })
	}
	p.both(http.StatusOK, gitPage)
	p.both(http.StatusOK, "https://wiki.lab.test/")
	p.must(0, "up", "--plan")
}

// foreignName: a name of somebody else's is shown and left alone, until adopted.
func foreignName(t *testing.T, p *public) {
	theirs := fakecloudflare.Record{Zone: lab.Zone, Name: "shop.lab.test", Type: "CNAME", Content: "shop.example.net", Comment: "the shop", TTL: 1}
	if err := p.flare.AddRecord(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	add := []string{"add-service", "shop", "--host", "shop.lab.test", "--to", "10.77.0.50:3000", "--expose", "public"}
	p.trouble(2, 1, []string{"shop.lab.test", "shop.example.net", "--adopt"}, add...)
	if made := p.made("k3sedge.dev/service=shop"); len(made) > 0 || p.hasFile("shop") {
		t.Errorf("written: %v", made)
	}
	if names := p.names(); !slices.Contains(names, "shop.lab.test CNAME shop.example.net proxied=false the shop") {
		t.Errorf("theirs was changed: %v", names)
	}
	p.must(0, append(add, "--adopt")...)
	p.wants(map[string]bool{"git.lab.test": true, "wiki.lab.test": false, "shop.lab.test": true})
	p.must(0, "remove-service", "shop")
}

// tunnelDeleted: the next run makes another, and all names lead to it.
func tunnelDeleted(t *testing.T, p *public) {
	id, _ := p.rules()
	if err := p.flare.Order(t.Context(), "DELETE", "/tunnels/"+id, nil, nil); err != nil {
		t.Fatal(err)
	}
	if r := p.fromOutside("git.lab.test"); r.status == http.StatusOK {
		t.Errorf("without a tunnel: %s", r)
	}
	p.must(0, "up")
	if now, _ := p.rules(); now == id {
		t.Error("it is the same tunnel")
	}
	p.wants(map[string]bool{"git.lab.test": true, "wiki.lab.test": false})
	eventually(t, "a visitor is served again", 30*time.Second, func() bool { return p.fromOutside("git.lab.test").status == http.StatusOK })
}

// resumed: whatever step of the way to a service fails, the next up goes on.
func resumed(t *testing.T, p *public) {
	for i, fault := range []fakecloudflare.Fault{
		{Method: "POST", Path: "/dns_records", Kind: fakecloudflare.Broken, Status: 500},                  // DNS, that of the proof and ours
		{Method: "PUT", Path: "/configurations", Kind: fakecloudflare.ResetAfter, Count: 1},               // the tunnel's rules, written all the same
		{Method: "PUT", Path: "/configurations", Kind: fakecloudflare.Refused, Status: 400, Message: "x"}, // the same, refused
		{Method: "POST", Path: "/dns_records", Kind: fakecloudflare.Refused, Status: 400, Message: "x"},   // the record
	} {
		name := fmt.Sprintf("late%d", i)
		host, expose := name+".lab.test", "public"
		if i == 0 { // deeper than the zone's certificate reaches
			host, expose = "own."+host, "lan"
		}
		if err := p.flare.Fault(t.Context(), fault); err != nil {
			t.Fatal(err)
		}
		cmd, out, errs := p.start("add-service", name, "--host", host, "--to", "10.77.0.50:3000", "--expose", expose)
		if i == 0 { // the proof would be tried for minutes: somebody loses patience
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the certificate is waited for", time.Minute, func() bool {
				return p.kube("GET", "/apis/cert-manager.io/v1/namespaces/edge-"+name+"/certificates/"+name+"-tls", "").status == http.StatusOK
			})
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		} else if r := p.finish(cmd.Run(), out, errs); r.code != 0 && r.code != 1 {
			t.Errorf("%s: exit %d\n%s", name, r.code, r.stderr)
		}
		if err := p.flare.ClearFaults(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.must(0, "up")
		p.both(http.StatusOK, "https://"+host+"/")
		if r := p.fromOutside(host); expose == "public" && r.status != http.StatusOK {
			t.Errorf("%s from outside: %s", host, r)
		}
		p.must(0, "remove-service", name)
	}
	p.wants(map[string]bool{"git.lab.test": true, "wiki.lab.test": false})
}

// nothingLeft: what a service had goes with it, and the rest with the cluster.
func nothingLeft(t *testing.T, p *public) {
	p.must(0, "remove-service", "git")
	p.wants(map[string]bool{"wiki.lab.test": false})
	p.must(0, "remove-service", "wiki")
	p.wants(nil)
	certificatesGivenUp(t, p)
	p.must(0, "down", "--yes")
	if names, tunnels := p.names(), p.tunnels(); len(tunnels)+len(names) > 0 {
		t.Errorf("left at Cloudflare: %v, %v", tunnels, names)
	}
}
