package certmanager

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func TestGoldenIssuers(t *testing.T) {
	t.Parallel()
	objects, err := configOf(t, own).objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "issuers", objects)
	for issuer, want := range map[inventory.Issuer]string{inventory.IssuerProduction: production, inventory.IssuerStaging: staging, inventory.IssuerACME: acme} {
		if got := IssuerName(inventory.Certificates{Issuer: issuer}); got != want {
			t.Errorf("%s: %s", issuer, got)
		}
	}
}

const tokenPath = "/api/v1/namespaces/cert-manager/secrets/cloudflare-api-token"

func TestTokenIsTrimmedAndTheRightOne(t *testing.T) {
	t.Parallel()
	ref := inventory.SecretRef("env:OWN")
	for want, change := range map[string]func(*inventory.Certificates){
		canary + "env:CF":  func(*inventory.Certificates) {},
		canary + "env:OWN": func(c *inventory.Certificates) { c.Token = &ref },
	} {
		k := newKube(t)
		mustRun(t, configOf(t, change), k)
		got := k.Object(tokenPath)["data"].(map[string]any)["api-token"]
		if got != base64.StdEncoding.EncodeToString([]byte(want)) {
			t.Errorf("the token is %v, want %q", got, want)
		}
	}
	for _, value := range []string{"", " \n", "two words", "two\nlines"} {
		c := configOf(t)
		c.Secrets = func(context.Context, inventory.SecretRef) (inventory.Secret, error) {
			return inventory.NewSecret(value), nil
		}
		if _, err := c.objects(t.Context()); err == nil || hintOf(err) == "" || value == "two words" && strings.Contains(err.Error(), value) {
			t.Errorf("%q: %v", value, err)
		}
	}
	if _, err := configOf(t, own, func(c *inventory.Certificates) { c.CA = "file:testdata/home.golden.yaml" }).objects(t.Context()); err == nil {
		t.Error("an authority without a certificate is taken")
	}
}

// From the one issuer to the other, and to none of our own.
func TestIssuerChanges(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, configOf(t, own), k)
	path := object.ClusterIssuer{}.Kind().Path("", acme)
	if k.Object(path) == nil {
		t.Fatal("no issuer for our own ACME server")
	}
	if got := mustRun(t, configOf(t, staged), k); got.Changed != 1 && got.Changed != 2 {
		t.Errorf("%+v", got)
	}
	if k.Object(path) != nil {
		t.Error("the issuer of before is left")
	}
	put(t, k, in("cert-manager.io/v1", "ClusterIssuer", "", acme, doc{"spec": doc{}}))
	if got := mustRun(t, configOf(t, staged), k); got.Changed != 0 || k.Object(path) == nil {
		t.Errorf("somebody's issuer of that name: %+v", got)
	}
}

func TestIssuersWaitForTheWebhook(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault fakekube.Fault
		want  string
	}{
		"comes":   {fakekube.Fault{Status: 500, Count: 3, Message: "failed calling webhook: x509: certificate signed by unknown authority"}, ""},
		"refuses": {fakekube.Fault{Status: 403, Message: "admission webhook denied the request: spec.acme.server"}, "denied the request"},
		"never":   {fakekube.Fault{Status: 500, Message: "failed calling webhook"}, "failed calling webhook"},
	} {
		synctest.Test(t, func(t *testing.T) {
			k, c := newKube(t), configOf(t)
			tc.fault.Method, tc.fault.Path, tc.fault.Trouble = "PATCH", "clusterissuers", fakekube.Error
			if err := k.Fault(tc.fault); err != nil {
				t.Fatal(err)
			}
			_, err := run(t, c, k)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// What the ACME server says of the account ends the wait where only the user
// can mend it.
func TestIssuerWithoutAnAccount(t *testing.T) {
	t.Parallel()
	for message, tc := range map[string]struct{ want, hint string }{
		`Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: contact email has forbidden domain "example.org"`:            {errStuck.Error(), "edge.certificates.email"},
		`Failed to register ACME account: Get "https://ca.lan/dir": tls: failed to verify certificate: x509: certificate signed by unknown authority`: {errStuck.Error(), "edge.certificates.ca"},
		`Failed to register ACME account: Get "https://ca.lan/dir": dial tcp: lookup ca.lan: no such host`:                                            {"does not answer", "do pods reach"},
		`Failed to register ACME account: 500 : the server has an internal error`:                                                                     {"gives no account", "describe clusterissuer"},
		"": {"not looked at yet", "describe"},
	} {
		synctest.Test(t, func(t *testing.T) {
			k, c := newKube(t), configOf(t)
			mustRun(t, c, k)
			k.React(func(_ string, o map[string]any) { // says the same again
				if strings.Contains(fmt.Sprint(o["status"]), triesAgain) {
					account(t, k, production, "False", message)
				}
			})
			account(t, k, production, "False", message)
			changes, err := issuers{c}.Check(t.Context(), k.API())
			if err != nil || len(changes) != 1 || changes[0].Want != "ready" {
				t.Errorf("%v, %v", changes, err)
			}
			if _, err = only(t, k, issuers{c}); err == nil || !strings.Contains(fmt.Sprint(err), tc.want) || !strings.Contains(hintOf(err), tc.hint) {
				t.Errorf("%s: %v, hint %q", message, err, hintOf(err))
			}
		})
	}
}

// TestIssuerIsAskedAgain: what was mended since is not held against it.
func TestIssuerIsAskedAgain(t *testing.T) {
	t.Parallel()
	for message, again := range map[string]bool{
		"Failed to register ACME account: x509: certificate has expired or is not yet valid":                  true,
		"Failed to register ACME account: 429 urn:ietf:params:acme:error:rateLimited: too many registrations": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			k, c := newKube(t), configOf(t)
			mustRun(t, c, k)
			k.React(func(_ string, o map[string]any) {
				if strings.Contains(fmt.Sprint(o["status"]), triesAgain) {
					account(t, k, production, "True", "The ACME account was registered with the ACME server")
				}
			})
			account(t, k, production, "False", message)
			if got, err := only(t, k, issuers{c}); (err == nil) != again || again && got.Changed != 1 {
				t.Errorf("%s: %+v, %v", message, got, err)
			}
		})
	}
}
