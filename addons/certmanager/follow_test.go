package certmanager

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func owned(o doc, kind, name string) doc {
	o["metadata"].(doc)["ownerReferences"] = []any{doc{"kind": kind, "name": name}}
	return o
}

func request(name, revision, message string) doc {
	o := in("cert-manager.io/v1", "CertificateRequest", "edge-git", name, doc{
		"spec": doc{"request": ""}, "status": doc{"conditions": []any{doc{"type": "Ready", "status": "False", "reason": "Pending", "message": message}}},
	})
	o["metadata"].(doc)["annotations"] = doc{"cert-manager.io/certificate-name": "git-tls", "cert-manager.io/certificate-revision": revision}
	return o
}

func order(name, of string, status doc) doc {
	return owned(in("acme.cert-manager.io/v1", "Order", "edge-git", name, doc{"spec": doc{}, "status": status}), "CertificateRequest", of)
}

func challenge(name, of string, status doc) doc {
	return owned(in("acme.cert-manager.io/v1", "Challenge", "edge-git", name, doc{"spec": doc{"dnsName": "git.example.org"}, "status": status}), "Order", of)
}

func TestFollow(t *testing.T) {
	t.Parallel()
	waiting := Certificate{Namespace: "edge-git", Name: "git-tls", Message: "Issuing certificate as Secret does not exist"}
	const pending = `Waiting on certificate issuance from order edge-git/git-tls-2-1: "pending"`
	for name, tc := range map[string]struct {
		there       []any
		text, words string
	}{
		"no request yet": {nil, waiting.Message, ""},
		"an order":       {[]any{request("git-tls-2", "2", pending), order("git-tls-2-1", "git-tls-2", doc{"state": "pending"})}, "→ order pending", pending},
		"an order that failed": {[]any{request("git-tls-2", "2", "x"), order("git-tls-2-1", "git-tls-2", doc{"state": "errored", "reason": "Failed to create Order: 429"})},
			"→ order errored: Failed to create Order: 429", "Failed to create Order: 429"},
		"a challenge": {[]any{
			request("git-tls-1", "1", "of an earlier time"), request("git-tls-2", "2", pending), order("git-tls-1-1", "git-tls-1", doc{"state": "invalid"}),
			order("git-tls-2-1", "git-tls-2", doc{"state": "pending"}),
			challenge("c", "git-tls-2-1", doc{"state": "pending", "presented": true, "reason": "Waiting for DNS-01 challenge propagation:\nnot yet"}),
			challenge("other", "git-tls-1-1", doc{"state": "invalid", "reason": "another"}),
		}, "→ order pending → challenge for git.example.org pending, presented: Waiting for DNS-01 challenge propagation: not yet", "Waiting for DNS-01 challenge propagation:\nnot yet"},
		"a challenge of nobody": {[]any{challenge("other", "x", doc{"state": "invalid", "reason": "another"})}, waiting.Message, ""},
	} {
		k := fakekube.New(fakekube.CertManager()...)
		put(t, k, in("v1", "Namespace", "", "edge-git", nil))
		put(t, k, tc.there...)
		got, err := Follow(t.Context(), k.API(), waiting)
		if err != nil || !strings.HasSuffix(got.Text, tc.text) || got.Words != tc.words {
			t.Errorf("%s: %q, words %q, %v", name, got.Text, got.Words, err)
		}
	}
	k := fakekube.New(fakekube.CertManager()...)
	put(t, k, request("git-tls-2", "2", pending), order("git-tls-2-1", "git-tls-2", doc{"state": "pending"}))
	for _, path := range []string{"certificaterequests", "orders", "challenges"} {
		k.ClearFaults()
		if err := k.Fault(fakekube.Fault{Path: path, Trouble: fakekube.Away}); err != nil {
			t.Fatal(err)
		}
		if _, err := Follow(t.Context(), k.API(), waiting); !cluster.Away(err) {
			t.Errorf("%s away: %v", path, err)
		}
	}
}

func certificate(t *testing.T, status doc) Certificate {
	t.Helper()
	o := in("cert-manager.io/v1", "Certificate", "edge-git", "git-tls", doc{"spec": doc{"secretName": "git-tls", "issuerRef": doc{"name": staging}}, "status": status})
	o["metadata"].(doc)["generation"] = 2
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(kind, status string, generation int, message string) doc {
	return doc{"type": kind, "status": status, "observedGeneration": generation, "message": message}
}

func TestReadCertificate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		conditions      []any
		ready           bool
		message, failed string
	}{
		"new":         {nil, false, "cert-manager has not looked at it yet", ""},
		"ready":       {[]any{says("Ready", "True", 2, "up to date")}, true, "up to date", ""},
		"as it was":   {[]any{says("Ready", "True", 1, "up to date")}, false, "cert-manager has not looked at it yet", ""},
		"not ready":   {[]any{says("Ready", "False", 2, "Secret does not exist"), says("Issuing", "True", 2, "x")}, false, "Secret does not exist", ""},
		"failed once": {[]any{says("Ready", "False", 2, "Secret does not exist"), says("Issuing", "False", 2, "will be retried: no")}, false, "Secret does not exist", "will be retried: no"},
	} {
		c := certificate(t, doc{"conditions": tc.conditions})
		if c.Ready != tc.ready || c.Message != tc.message || c.Failed != tc.failed || c.Issuer != staging {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if _, err := ReadCertificate([]byte("[")); err == nil {
		t.Error("what is no object is read")
	}
}

func TestTroubleWithRenewal(t *testing.T) {
	t.Parallel()
	status := doc{
		"conditions": []any{says("Ready", "True", 2, ""), says("Issuing", "False", 2, "Error: 10000")},
		"notAfter":   "2026-04-01T00:00:00Z", "renewalTime": "2026-03-02T00:00:00Z", "failedIssuanceAttempts": 3,
	}
	c := certificate(t, status)
	for now, want := range map[string]string{
		"2026-02-01T00:00:00Z": "",
		"2026-03-03T00:00:00Z": "",
		"2026-03-10T00:00:00Z": "was to be renewed at 2026-03-02T00:00:00Z and expires in 528h0m0s; 3 attempts in vain, the last: Error: 10000",
		"2026-04-02T00:00:00Z": "expired at 2026-04-01T00:00:00Z; 3 attempts",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Trouble(at); (got == "") != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", now, got, want)
		}
	}
	if got := (Certificate{}).Trouble(time.Now()); got != "" {
		t.Errorf("one that is not issued yet: %q", got)
	}
}

func FuzzReadCertificate(f *testing.F) {
	f.Add([]byte(`{"metadata":{"generation":1},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`))
	f.Fuzz(func(_ *testing.T, raw []byte) { _, _ = ReadCertificate(raw) }) // whatever it is, it ends
}
