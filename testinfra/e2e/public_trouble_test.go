//go:build linux

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// certificatesGivenUp: who takes certificates out of the file while one is being
// asked for has it taken back, and then cert-manager goes.
func certificatesGivenUp(t *testing.T, p *public) {
	const challenges = "/apis/acme.cert-manager.io/v1/challenges"
	if err := p.flare.Fault(t.Context(), fakecloudflare.Fault{Method: "POST", Path: "/dns_records", Kind: fakecloudflare.Broken, Status: 500}); err != nil {
		t.Fatal(err)
	}
	p.must(1, "add-service", "open", "--host", "a.open.lab.test", "--to", "10.77.0.50:3000")
	eventually(t, "a challenge", time.Minute, func() bool { return len(p.list(challenges)) > 0 })
	if err := p.flare.ClearFaults(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.edit(t, "(?m)^    certificates:\n(?:        .*\n)+", "")
	r := p.must(0, "up")
	t.Log(r.stderr)
	for _, path := range []string{"/apis/helm.cattle.io/v1/namespaces/kube-system/helmcharts/cert-manager", "/api/v1/namespaces/cert-manager/secrets/cloudflare-api-token"} {
		if r := p.kube("GET", path, ""); r.status != http.StatusNotFound {
			t.Errorf("%s: %s", path, r)
		}
	}
	if left := p.list(challenges); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	p.must(0, "up", "--plan")
	p.must(0, "remove-service", "open")
}

// flareTrouble: a token that will not do, and an API that is not well, are told
// with cause and hint; nothing is written, and nothing of others is touched.
func flareTrouble(t *testing.T, p *public) {
	token, err := p.flare.Token()
	if err != nil {
		t.Fatal(err)
	}
	dns := fakecloudflare.Grants(lab.Zone, fakecloudflare.ZoneRead, fakecloudflare.DNSEdit)
	tunnel := fakecloudflare.Grants(fakecloudflare.TestAccount, fakecloudflare.TunnelEdit)
	good := fakecloudflare.Token{Value: token, Grants: append(dns, tunnel...)}
	set := func(t *testing.T, grants []fakecloudflare.Grant, status string) {
		t.Helper()
		if err := p.flare.SetToken(t.Context(), fakecloudflare.Token{Value: token, Status: status, Grants: grants}); err != nil {
			t.Fatal(err)
		}
	}
	before := p.names()
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T)
		words []string
	}{
		{"an expired token", func(t *testing.T) { set(t, good.Grants, "expired") }, []string{"the Cloudflare token has expired", "edge.cloudflare.token"}},
		{"a token of another zone", func(t *testing.T) {
			set(t, append(fakecloudflare.Grants("other.test", fakecloudflare.ZoneRead, fakecloudflare.DNSEdit), tunnel...), "")
		}, []string{"lab.test", "Zone"}},
		{"a token without the tunnel", func(t *testing.T) { set(t, dns, "") }, []string{"the token lacks", "Tunnel"}},
		{"a token that only reads", func(t *testing.T) {
			set(t, append(fakecloudflare.Grants(lab.Zone, fakecloudflare.ZoneRead, fakecloudflare.DNSRead), tunnel...), "")
		}, []string{"the token lacks", "DNS:Edit on lab.test"}},
		{"an API that is down", func(t *testing.T) {
			if err := p.flare.Fault(t.Context(), fakecloudflare.Fault{Kind: fakecloudflare.Broken, Status: 503}); err != nil {
				t.Fatal(err)
			}
		}, []string{"503"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := p.on(t)
			c.spoil(t)
			r := p.k3sedge("add-service", "bad", "--host", "bad.lab.test", "--to", "10.77.0.50:3000", "--expose", "public")
			if err := p.flare.ClearFaults(t.Context()); err != nil {
				t.Fatal(err)
			}
			set(t, good.Grants, "")
			if r.code == 0 || !strings.Contains(r.stderr, "\nhint: ") && !strings.HasPrefix(r.stderr, "hint: ") {
				t.Errorf("exit %d, or no hint:\n%s", r.code, r.stderr)
			}
			for _, word := range c.words {
				if !strings.Contains(r.stderr, word) {
					t.Errorf("%q is not in\n%s", word, r.stderr)
				}
			}
			t.Log(r.stderr)
			if p.hasFile("bad") { // what had begun goes on, or is taken back, by one command
				p.must(0, "remove-service", "bad")
			}
			if after := p.names(); strings.Join(after, "\n") != strings.Join(before, "\n") {
				t.Errorf("records\n%s\nwere\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
			}
		})
	}
	// An answer that never came whole, or came too often, is nothing to tell.
	if err := p.flare.Fault(t.Context(), fakecloudflare.Fault{Method: "GET", Kind: fakecloudflare.Half, Count: 1},
		fakecloudflare.Fault{Method: "GET", Kind: fakecloudflare.TooMany, RetryAfter: 1, Count: 1, After: 1}); err != nil {
		t.Fatal(err)
	}
	p.must(0, "up")
	if err := p.flare.ClearFaults(t.Context()); err != nil {
		t.Fatal(err)
	}
}
