package certmanager

import (
	"strings"
	"testing"
)

// The texts are cert-manager's own (pkg/issuer/acme, pkg/controller/acmeorders,
// acmechallenges), around those of Cloudflare's API, Let's Encrypt and Pebble.
func TestCauses(t *testing.T) {
	t.Parallel()
	const query = "while querying the Cloudflare API for "
	for words, want := range map[string]string{
		"the Cloudflare API token is invalid (does the API token contain a newline?)":                                                                                                                                                    "the token for Cloudflare is not one",
		query + `POST "/zones/1f/dns_records" ` + "\n\t Error: 10000: Authentication error":                                                                                                                                              "Cloudflare refuses the token",
		query + `GET "/zones?name=example.org" ` + "\n\t Error: 6003: Invalid request headers<- 6111: Invalid format for Authorization header":                                                                                           "Cloudflare refuses the token",
		"while attempting to find Zones for domain _acme-challenge.git.example.org.\n" + query + "GET \"/zones?name=org\" \n\t Error: 9109: Invalid access token":                                                                        "Cloudflare refuses the token",
		"Found no Zones for domain _acme-challenge.git.example.org. (neither in the sub-domain nor in the SLD) please make sure your domain-entries in the config are correct and the API key is correctly setup with Zone.read rights.": "Cloudflare shows no zone for the name",
		query + `POST "/zones/1f/dns_records" ` + "\n\t Error: 81058: An identical record already exists.":                                                                                                                               "a TXT record is in the way",
		query + `GET "/zones?name=example.org" ` + "\n\t Error: 971: Please wait and consider throttling your request speed":                                                                                                             "Cloudflare wants fewer requests",
		`Failed to wait for order resource "git-tls-1-278" to become ready: order is in "errored" state: Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-12-01 10:00:00 UTC`: "the ACME server's limit is reached",
		`Error accepting authorization: acme: authorization error for git.example.org: 403 urn:ietf:params:acme:error:caa: CAA record for example.org prevents issuance`:                                                                                                                                           "a CAA record forbids it",
		`DNS record for "git.example.org" not yet propagated`:                                                   "the proof is not to be seen at the name servers",
		`Could not determine authoritative nameservers for "_acme-challenge.git.example.org."`:                  "the proof is not to be seen at the name servers",
		`NS a.ns.cloudflare.com.:53 returned REFUSED for _acme-challenge.git.example.org.`:                      "the proof is not to be seen at the name servers",
		`Failed to create Order: 400 urn:ietf:params:acme:error:badNonce: JWS has an invalid anti-replay nonce`: "the ACME server takes none of its own nonces",
		`Failed to register ACME account: Get "https://x/dir": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2026-01-01T00:00:00Z`: "the clock of a node is wrong, or the ACME server's certificate has expired",
		`Error accepting authorization: acme: authorization error for git.example.org: 403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record "old" found at _acme-challenge.git.example.org`:               "a TXT record of another time is in the way",
		`Error accepting authorization: acme: authorization error for git.example.org: 403 urn:ietf:params:acme:error:unauthorized: No TXT record found at _acme-challenge.git.example.org`:                            "the ACME server does not see the proof in DNS",
		`Failed to create Order: 400 urn:ietf:params:acme:error:rejectedIdentifier: Cannot issue for "git.lan": Domain name does not end with a valid public suffix`:                                                   "the ACME server does not sign for the name",
		`dial tcp 9.9.9.9:53: i/o timeout`: "a server does not answer",
		"":                                 "",
		`Waiting on certificate issuance from order edge-git/git-tls-1-278: "pending"`: "",
	} {
		c, ok := causeOf(words)
		if c.is != want || ok != (want != "") || ok && c.hint == "" {
			t.Errorf("%s\nis %q, want %q", words, c.is, want)
		}
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	p := patience{}
	const refused, slow = "Error: 10000: Authentication error", `DNS record for "x" not yet propagated`
	for i, words := range []string{refused, refused, "", refused, slow, slow, slow, slow, refused, refused} {
		if err := p.judge(words); err != nil {
			t.Errorf("look %d: %v", i, err)
		}
	}
	if err := p.judge(refused); err == nil || !strings.Contains(err.Error(), refused) {
		t.Errorf("the same for the third time: %v", err)
	}
}

func FuzzCauseOf(f *testing.F) {
	f.Add("Error: 10000: Authentication error")
	f.Fuzz(func(t *testing.T, words string) {
		if c, ok := causeOf(words); ok && (c.is == "" || c.hint == "") {
			t.Errorf("%q: %+v", words, c)
		}
	})
}
