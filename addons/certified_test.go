package addons

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// certKube is a cluster whose cert-manager issues at once.
func certKube(t *testing.T) *fakekube.Kube {
	t.Helper()
	k := fakekube.New(append(fakekube.CertManager(), append(fakekube.Traefik(), fakekube.Gateway()...)...)...)
	k.React(func(_ string, o map[string]any) {
		if o["kind"] == "Certificate" {
			stands(t, k, o, "Ready", "True", "Certificate is up to date and has not expired")
		}
	})
	return k
}

// stands is what cert-manager says of an object.
func stands(t *testing.T, k *fakekube.Kube, o map[string]any, kind, status, message string) {
	t.Helper()
	generation := o["metadata"].(map[string]any)["generation"]
	o["status"] = map[string]any{"conditions": []any{map[string]any{"type": kind, "status": status, "message": message, "observedGeneration": generation}}}
	put(t, k, o)
}

func certConfig(services ...inventory.Service) Config {
	c := testConfig(services...)
	c.Cluster = certified()
	return c
}

const gitCertificate = "/apis/cert-manager.io/v1/namespaces/edge-git/certificates/git-tls"

func TestCertificatesAreAwaited(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*inventory.Certificates){"by host": func(*inventory.Certificates) {}, "by zone": byZone} {
		k := certKube(t)
		c := certConfig(testService(), named("wiki"), named("sso", passthrough))
		c.Cluster = certified(change)
		if got := mustRun(t, c, k); got != (converge.Result{Holds: 3, Changed: 1}) {
			t.Errorf("%s: first run %+v", name, got)
		}
		before := len(k.Writes())
		if got := mustRun(t, c, k); got != (converge.Result{Holds: 4}) || len(k.Writes()) != before {
			t.Errorf("%s: second run %+v", name, got)
		}
	}
	// A plan names both, and a cluster without certificates has no such step.
	k, l := certKube(t), &eventlog.Log{}
	result, err := converge.Run(t.Context(), nil, l, PlanStages(certConfig(testService()), k.API())...)
	if err != nil || result.Differs != 2 || !strings.Contains(l.String(), "issued by letsencrypt-staging") || len(k.Writes()) > 0 {
		t.Errorf("%+v, %v\n%s", result, err, l)
	}
}

const gitRequest = "/apis/cert-manager.io/v1/namespaces/edge-git/certificaterequests/git-tls-1"

// ask puts what cert-manager makes of a Certificate, up to a challenge that is
// not met because of what the words say.
func ask(t *testing.T, k *fakekube.Kube, words string) {
	t.Helper()
	owned := func(kind, name, ofKind, of string, status map[string]any) map[string]any {
		o := manifest("acme.cert-manager.io/v1", kind, "edge-git", name, map[string]any{"spec": map[string]any{"dnsName": "git.example.org"}, "status": status})
		o["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"kind": ofKind, "name": of}}
		return o
	}
	request := manifest("cert-manager.io/v1", "CertificateRequest", "edge-git", "git-tls-1", map[string]any{"spec": map[string]any{}})
	request["metadata"].(map[string]any)["annotations"] = map[string]any{"cert-manager.io/certificate-name": "git-tls", "cert-manager.io/certificate-revision": "1"}
	put(t, k, request, owned("Order", "git-tls-1-9", "CertificateRequest", "git-tls-1", map[string]any{"state": "pending"}),
		owned("Challenge", "git-tls-1-9-7", "Order", "git-tls-1-9", map[string]any{"state": "pending", "reason": words}))
}

// slow is a cert-manager that gets no further than the words say, unless anew
// has an answer to what changed.
func slow(t *testing.T, words string, anew func(k *fakekube.Kube, path string, o map[string]any) bool) *fakekube.Kube {
	t.Helper()
	k := certKube(t)
	k.React(func(path string, o map[string]any) {
		switch {
		case anew != nil && anew(k, path, o):
		case path == gitRequest:
			ask(t, k, words)
		case o["kind"] == "Certificate" && k.Object(gitRequest) == nil:
			stands(t, k, o, "Ready", "False", "Issuing certificate as Secret does not exist")
			ask(t, k, words)
		}
	})
	return k
}

const refused = "while querying the Cloudflare API for POST \"/zones/1f/dns_records\" \n\t Error: 10000: Authentication error"

func TestStuckCertificateIsExplained(t *testing.T) {
	t.Parallel()
	for words, tc := range map[string]struct{ want, hint string }{
		refused: {"Cloudflare refuses the token: certificate edge-git/git-tls: it does not go on", "DNS:Edit"},
		`DNS record for "git.example.org" not yet propagated`: {"the proof is not to be seen at the name servers: certificate edge-git/git-tls: Issuing certificate as Secret does not exist → request → order pending → challenge for git.example.org pending, not presented: DNS record", "edge.certificates.nameservers"},
		"": {"challenge for git.example.org pending, not presented: not within 10m0s", "kubectl describe"},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, text, err := run(t, certConfig(testService()), slow(t, words, nil))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(hintOf(err), tc.hint) {
				t.Errorf("%q: %v, hint %q\n%s", words, err, hintOf(err), text)
			}
		})
	}
}

// TestStuckCertificateKeepsNothingBack: whatever can be made is made before any
// is waited for, and each that is not issued is named with its cause.
func TestStuckCertificateKeepsNothingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := slow(t, refused, func(k *fakekube.Kube, path string, o map[string]any) bool {
			late := o["kind"] == "Certificate" && path != gitCertificate
			if late {
				stands(t, k, o, "Ready", "False", "not yet")
			}
			return late
		})
		l := &eventlog.Log{}
		publish := converge.Stage{Name: "publish"}
		_, err := converge.Run(t.Context(), nil, l, Stages(certConfig(testService(), named("nas"), named("wiki")), k.API(), publish)...)
		for _, want := range []string{"Cloudflare refuses the token: certificate edge-git/git-tls: it", "certificate edge-nas/nas-tls: not yet: not within 10m0s", "certificate edge-wiki/wiki-tls: not yet: not"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %v", want, err)
			}
		}
		if strings.Count(l.String(), "stage-finished") != 3 || strings.Index(l.String(), "stage-finished") > strings.Index(l.String(), "step-started services/certificates") {
			t.Errorf("nothing was published:\n%s", l)
		}
	})
}

// TestRemovalWaitsForNobody: who takes a service away needs no certificate.
func TestRemovalWaitsForNobody(t *testing.T) {
	t.Parallel()
	k, c := certKube(t), certConfig(testService(), named("wiki"))
	c.Cluster = certified(byZone)
	mustRun(t, c, k)
	k.React(nil)
	stands(t, k, k.Object("/apis/cert-manager.io/v1/namespaces/k3sedge-system/certificates/example.org-tls"), "Ready", "False", "expired")
	c.Services, c.Only = c.Services[1:], "git"
	if got := mustRun(t, c, k); got != (converge.Result{Holds: 2, Changed: 1}) || k.Object("/api/v1/namespaces/edge-git") != nil {
		t.Errorf("%+v", got)
	}
}

// TestNextRunGoesOn: what the user has mended is tried again at once, although
// cert-manager would wait.
func TestNextRunGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mended := false
		k := slow(t, refused, func(k *fakekube.Kube, path string, _ map[string]any) bool {
			if mended && path == gitRequest {
				stands(t, k, k.Object(gitCertificate), "Ready", "True", "")
			}
			return mended
		})
		c := certConfig(testService())
		if _, _, err := run(t, c, k); err == nil {
			t.Fatal("it is issued")
		}
		mended = true
		if got := mustRun(t, c, k); got.Changed != 1 {
			t.Errorf("%+v", got)
		}
	})
	for words, again := range map[string]bool{"order is in \"invalid\" state: no": true, "429 urn:ietf:params:acme:error:rateLimited: too many": false} {
		synctest.Test(t, func(t *testing.T) {
			k := slow(t, words, func(k *fakekube.Kube, _ string, o map[string]any) bool {
				asked := strings.Contains(fmt.Sprint(o["status"]), "ManuallyTriggered")
				if asked {
					stands(t, k, k.Object(gitCertificate), "Ready", "True", "")
				}
				return asked
			})
			c := certConfig(testService())
			_, _, _ = run(t, c, k) // waits in vain
			stands(t, k, k.Object(gitCertificate), "Issuing", "False", "The certificate request has failed to complete and will be retried: "+words)
			_, _, err := run(t, c, k)
			if (err == nil) != again {
				t.Errorf("%s: %v", words, err)
			}
		})
	}
}

func TestRulesOfCertificates(t *testing.T) {
	t.Parallel()
	store := manifest("traefik.io/v1alpha1", "TLSStore", "default", "default", map[string]any{"spec": map[string]any{}})
	other := manifest("cert-manager.io/v1", "Certificate", "edge-git", "own", map[string]any{"spec": map[string]any{"secretName": "git-tls"}})
	for name, tc := range map[string]struct {
		cluster inventory.Cluster
		there   map[string]any
		want    string
	}{
		"a second store":           {certified(byZone), store, "the TLSStore default/default takes the name"},
		"a store, none of ours":    {certified(), store, ""},
		"a second Certificate":     {certified(), other, "the Certificate edge-git/own is not of k3sedge and fills the secret git-tls"},
		"a Certificate, none ours": {testCluster(inventory.EdgeTunnel), other, ""},
	} {
		k := certKube(t)
		put(t, k, manifest("v1", "Namespace", "", "edge-git", nil), tc.there)
		space := k.Object("/api/v1/namespaces/edge-git")
		space["metadata"].(map[string]any)["labels"] = map[string]any{object.ManagedBy: "k3sedge"}
		put(t, k, space)
		c := testConfig(testService())
		c.Cluster = tc.cluster
		err := Rules(t.Context(), c, k.API())
		if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || !strings.Contains(hintOf(err), "kubectl delete")) {
			t.Errorf("%s: %v, hint %q", name, err, hintOf(err))
		}
	}
	if err := Rules(t.Context(), certConfig(testService()), newKube(t).API()); err == nil || !strings.Contains(err.Error(), "no cert-manager") {
		t.Errorf("without cert-manager: %v", err)
	}
}

// TestStrategyChangesWithoutAGap: what is shown now goes when the other is issued.
func TestStrategyChangesWithoutAGap(t *testing.T) {
	t.Parallel()
	const zone = "/apis/cert-manager.io/v1/namespaces/k3sedge-system/certificates/example.org-tls"
	const ingress = "/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git"
	for name, tc := range map[string]struct{ from, to func(*inventory.Certificates) }{
		"to zones": {func(*inventory.Certificates) {}, byZone}, "to hosts": {byZone, func(*inventory.Certificates) {}},
	} {
		synctest.Test(t, func(t *testing.T) {
			k, c := certKube(t), certConfig(testService())
			c.Cluster = certified(tc.from)
			mustRun(t, c, k)
			k.React(nil) // cert-manager gets nowhere
			c.Cluster = certified(tc.to)
			c.Services = []inventory.Service{testService(func(s *inventory.Service) { s.RateLimit = "7/s:9" })}
			for range 2 {
				_, text, err := run(t, c, k)
				if err == nil || !strings.Contains(text, "step-failed services/certificates") {
					t.Fatalf("%s: it has not waited, or kept others waiting: %v\n%s", name, err, text)
				}
				tls := k.Object(ingress)["spec"].(map[string]any)["tls"]
				if name == "to zones" && (tls == nil || k.Object(gitCertificate) == nil) || name == "to hosts" && k.Object(zone) == nil {
					t.Errorf("%s: what was shown is gone: %v", name, tls)
				}
			}
			// Another change of the same route has not waited.
			if !strings.Contains(fmt.Sprint(k.Object(ingress)["metadata"]), "edge-git-rate@") {
				t.Errorf("%s: %v", name, k.Object(ingress)["metadata"])
			}
			for _, path := range k.Paths() {
				if strings.Contains(path, "/certificates/") {
					stands(t, k, k.Object(path), "Ready", "True", "")
				}
			}
			if got := mustRun(t, c, k); got.Changed != 1 {
				t.Errorf("%s: issued: %+v", name, got)
			}
			tls := k.Object(ingress)["spec"].(map[string]any)["tls"]
			if name == "to zones" && (tls != nil || k.Object(gitCertificate) != nil) || name == "to hosts" && k.Object(zone) != nil {
				t.Errorf("%s: what is in its place is not shown: %v", name, tls)
			}
			if got := mustRun(t, c, k); got.Changed != 0 {
				t.Errorf("%s: again: %+v", name, got)
			}
		})
	}
}

// TestNamedBySomebodyElse: a secret that others have a route name is theirs, and
// no run changes anything for it.
func TestNamedBySomebodyElse(t *testing.T) {
	t.Parallel()
	k, c := certKube(t), certConfig(testService())
	c.Cluster = certified(byZone)
	mustRun(t, c, k)
	route := k.Object("/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git")
	route["spec"].(map[string]any)["tls"] = []any{map[string]any{"hosts": []any{"git.example.org"}, "secretName": "theirs"}}
	put(t, k, route)
	if got := mustRun(t, c, k); got.Changed != 0 {
		t.Errorf("%+v", got)
	}
}

// TestStrategyChanges: what the other strategy had is taken away, the secrets
// stay, and a service that goes takes its own with it.
func TestStrategyChanges(t *testing.T) {
	t.Parallel()
	k := certKube(t)
	c := certConfig(testService())
	mustRun(t, c, k)
	key := manifest("v1", "Secret", "edge-git", "git-tls-x7", nil)
	key["metadata"].(map[string]any)["labels"] = map[string]any{"cert-manager.io/next-private-key": "true"}
	put(t, k, manifest("v1", "Secret", "edge-git", "git-tls", nil), key)
	c.Cluster = certified(byZone)
	mustRun(t, c, k)
	const store = "/apis/traefik.io/v1alpha1/namespaces/k3sedge-system/tlsstores/default"
	if k.Object(gitCertificate) != nil || k.Object("/api/v1/namespaces/edge-git/secrets/git-tls") == nil || k.Object(store) == nil {
		t.Errorf("by zone there is %v", k.Paths())
	}
	c.Cluster = certified()
	mustRun(t, c, k)
	if k.Object(gitCertificate) == nil || k.Object(store) != nil {
		t.Errorf("by host there is %v", k.Paths())
	}
	c.Services = nil
	mustRun(t, c, k)
	if left := ofServices(k); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
