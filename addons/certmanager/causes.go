package certmanager

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// cause is why a certificate is not issued, found in the words of whoever
// refused: Cloudflare, the ACME server, the name servers, or cert-manager.
type cause struct {
	words *regexp.Regexp
	is    string
	hint  string
	// stop says that waiting does not help: it needs the user.
	stop bool
	// rest says that to ask again at once makes it worse.
	rest bool
}

const tokenHint = "the token of edge.certificates.token, or else of edge.cloudflare.token, needs Zone:Read and DNS:Edit for the zones in edge.cloudflare.zones; mend it at Cloudflare or put another in its place, then run k3sedge up"

// causes are in the order in which they are looked for: who refused says more
// than what came of it.
func causes() []cause {
	return []cause{
		{regexp.MustCompile(`does the API (token|key) contain a newline`), "the token for Cloudflare is not one", tokenHint, true, false},
		{regexp.MustCompile(`(?i)Error: (10000|9109|9106|9103|6003|6111|10001)\b|authentication error|invalid access token|invalid request headers`),
			"Cloudflare refuses the token", tokenHint, true, false},
		{regexp.MustCompile(`Found no Zones for domain`), "Cloudflare shows no zone for the name", "is the zone in the token's account, and the token for it? " + tokenHint, true, false},
		{regexp.MustCompile(`(?i)error: (971|10429)\b|cloudflare.*(429|rate limit)`), "Cloudflare wants fewer requests", "wait five minutes and run k3sedge up again", false, true},
		{regexp.MustCompile(`(?i)Error: 8105[378]\b|record already exists`), "a TXT record is in the way", "delete the TXT records _acme-challenge of the name at Cloudflare that nobody needs, then run k3sedge up", true, false},
		{regexp.MustCompile(`(?i)acme:error:rateLimited|too many (certificates|new orders|failed|currently pending|registrations|requests)|rate limit`),
			"the ACME server's limit is reached", "wait until the time it names; issuer: staging has wide limits for trials, and strategy: wildcard needs fewer certificates", true, true},
		{regexp.MustCompile(`(?i)acme:error:caa\b|CAA record`), "a CAA record forbids it", "add `CAA 0 issue \"letsencrypt.org\"`, or that of your ACME server, at the name or its zone", true, false},
		{regexp.MustCompile(`(?i)acme:error:badNonce|anti-replay nonce`), "the ACME server takes none of its own nonces", "something between the nodes and the ACME server keeps or mixes answers: a proxy, or several servers behind one name", false, false},
		{regexp.MustCompile(`(?i)expired or is not yet valid|not yet valid`), "the clock of a node is wrong, or the ACME server's certificate has expired", "`timedatectl` on each node shows the time; k3sedge harden sets up its synchronisation", true, false},
		{regexp.MustCompile(`(?i)signed by unknown authority|failed to verify certificate`), "the ACME server's, or Cloudflare's, certificate is not trusted",
			"name the authority of your ACME server as edge.certificates.ca: file:PATH; where a proxy breaks TLS open, let these requests pass it by", true, false},
		{regexp.MustCompile(`(?i)acme:error:(invalidContact|unsupportedContact)`), "the ACME server does not take the address", "write another edge.certificates.email, or none", true, false},
		{regexp.MustCompile(`(?i)acme:error:(rejectedIdentifier|unsupportedIdentifier)`), "the ACME server does not sign for the name", "choose another host, or another ACME server", true, false},
		{regexp.MustCompile(`(?i)Incorrect TXT record`), "a TXT record of another time is in the way", "delete the TXT records _acme-challenge of the name at Cloudflare, then run k3sedge up", true, false},
		{regexp.MustCompile(`(?i)No TXT record found|acme:error:(dns|unauthorized)|NXDOMAIN looking up TXT|SERVFAIL`), "the ACME server does not see the proof in DNS",
			"is the zone delegated to Cloudflare's name servers, and its DNSSEC in order? `dig +trace TXT _acme-challenge.HOST` shows it", true, false},
		{regexp.MustCompile(`not yet propagated|Could not (find the SOA|determine (the zone|authoritative))|NS \S+ returned \w+ for|querying the SOA record`),
			"the proof is not to be seen at the name servers", "do pods reach port 53 of edge.certificates.nameservers, and do these see the zone as the internet does? `dig TXT _acme-challenge.HOST @NAMESERVER` shows it", false, false},
		{regexp.MustCompile(`(?i)no such host|i/o timeout|connection refused|network is unreachable|no route to host|context deadline exceeded`),
			"a server does not answer", "do pods reach the ACME server, api.cloudflare.com and the name servers? `kubectl -n cert-manager logs deploy/cert-manager` names it", false, false},
		{regexp.MustCompile(`Failed to (register|verify) ACME account`), "the ACME server gives no account", "`kubectl describe clusterissuer` shows more", false, false},
	}
}

// causeOf finds the cause in the words of a refusal.
func causeOf(words string) (cause, bool) {
	for _, c := range causes() {
		if words != "" && c.words.MatchString(words) {
			return c, true
		}
	}
	return cause{}, false
}

// explained adds the cause to an error, and what mends it.
func explained(err error, words string) error {
	if err == nil {
		return nil
	}
	c, ok := causeOf(words)
	if !ok {
		return machine.WithHint(err, "`kubectl describe certificate,certificaterequest,order,challenge -A` shows more")
	}
	return machine.WithHint(fmt.Errorf("%s: %w", c.is, err), "%s", c.hint)
}

// errStuck is a refusal that does not go away by itself.
var errStuck = errors.New("it does not go on")

// patience judges what is told again and again. What was told once may be a
// word of yesterday.
type patience struct {
	said  string
	times int
}

// judge returns errStuck where the same refusal, which only the user can mend,
// is told for the third time.
func (p *patience) judge(words string) error {
	const enough = 3
	if words != p.said {
		p.said, p.times = words, 0
	}
	c, ok := causeOf(words)
	if !ok || !c.stop {
		return nil
	}
	if p.times++; p.times < enough {
		return nil
	}
	return fmt.Errorf("%w: %s", errStuck, words)
}
