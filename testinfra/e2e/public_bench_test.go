//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// BenchmarkPublic measures the way from add-service to a trusted page through
// Cloudflare's edge, with the part that is ACME shown apart, beside kubectl with
// the same manifests. kubectl makes neither a name nor a tunnel's rule: its way
// ends when both nodes have a trusted page. Where each host has a certificate
// of its own cert-manager waits a minute for DNS, so that a few are enough.
func BenchmarkPublic(b *testing.B) {
	e := newBenched(b, "e2e-bench-public", lab.WithCloudflare())
	cmd, out, errs := e.command("curl", "--silent", "--show-error", "--fail", "--cacert", e.lab.CAFile(), lab.AcmeRoots)
	if err := cmd.Run(); err != nil {
		b.Fatalf("read the roots of the ACME server: %v %s", err, errs)
	}
	e.authority = e.keep("acme.crt", out.String())
	b.Run("PerHost", func(b *testing.B) { e.firstVisit(b, "host", 3) })
	e.edit(b, "(?m)^( +)issuer: acme$", "${1}issuer: acme\n${1}strategy: wildcard")
	e.must(0, "up")
	b.Run("UnderTheZonesCertificate", func(b *testing.B) { e.firstVisit(b, "zone", 20) })
}

// firstVisit adds services, and takes the time until a visitor from outside has
// a page of each, in turns with kubectl.
func (e benched) firstVisit(b *testing.B, prefix string, most int) {
	e = e.with(b)
	var whole, acme, others, theirs []time.Duration
	for b.Loop() {
		if len(whole) == most {
			continue
		}
		own, other := fmt.Sprintf("%s-own-%d", prefix, len(whole)), fmt.Sprintf("%s-kubectl-%d", prefix, len(whole))
		rest()
		took, certificate := e.untilVisited(b, own)
		whole, acme, others = append(whole, took), append(acme, certificate), append(others, took-certificate)
		manifests := e.keep("service.yaml", e.must(0, e.adding(other, "--expose", "public", "-o", "yaml")...).stdout)
		rest()
		theirs = append(theirs, e.untilAnswered(other, func() { e.mustKube("apply", "-f", manifests) }))
	}
	b.ReportMetric(0, "ns/op") // both ways together say nothing
	report(b, figure{"ms/add-service-to-200", whole}, figure{"ms/of-it-ACME", acme}, figure{"ms/of-it-the-rest", others}, figure{"ms/kubectl-apply-to-200", theirs})
	b.ReportMetric(inMS(median(whole))/inMS(median(theirs)), "add-service/kubectl-apply")
}

// untilVisited adds a service that is public, and returns when a visitor has a
// page of it. Of that time, certificate was spent on the certificate.
func (e benched) untilVisited(b *testing.B, name string) (whole, certificate time.Duration) {
	host := name + ".lab.test"
	visit := fmt.Sprintf("until curl --silent --fail --max-time 2 --output /dev/null --cacert %s --connect-to ::%s:443 https://%s/; do sleep 0.03; done", e.lab.CAFile(), lab.CloudflareIP, host)
	whole = timed(func() {
		certificate = stepTook(b, e.must(0, e.adding(name, "--expose", "public", "--output", "json")...).stdout, "services/certificates")
		curl, _, errs := e.command("timeout", "60", "sh", "-c", visit)
		if err := curl.Run(); err != nil {
			b.Fatalf("%s is not served from outside: %v %s", host, err, errs)
		}
	})
	return whole, certificate
}

// stepTook is how long a step of a run took, by its events.
func stepTook(b *testing.B, stdout, step string) time.Duration {
	b.Helper()
	for line := range strings.Lines(stdout) {
		var e struct {
			Kind, Step string
			Seconds    float64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.Fatalf("%v: %s", err, line)
		}
		if e.Step == step && (e.Kind == "step-changed" || e.Kind == "step-holds") {
			return time.Duration(e.Seconds * float64(time.Second))
		}
	}
	b.Fatalf("no step %s in\n%s", step, stdout)
	return 0
}
