//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// BenchmarkPublic measures the way from add-service to a trusted page through
// Cloudflare's edge, with the part that is ACME shown apart. cert-manager waits
// a minute for DNS by itself, so that a few are enough.
func BenchmarkPublic(b *testing.B) {
	s := newEdge(b, "e2e-bench-public", lab.WithCloudflare())
	s.must(0, "up")
	b.Run("PerHost", func(b *testing.B) { s.firstVisit(b, "host", 3) })
	s.edit(b, "(?m)^( +)issuer: acme$", "${1}issuer: acme\n${1}strategy: wildcard")
	s.must(0, "up")
	b.Run("UnderTheZonesCertificate", func(b *testing.B) { s.firstVisit(b, "zone", 20) })
}

// firstVisit adds services, and takes the time until a visitor from outside has
// a page of each.
func (s *site) firstVisit(b *testing.B, prefix string, most int) {
	s = s.on(b)
	var whole, acme []time.Duration
	for b.Loop() {
		if len(whole) == most {
			continue
		}
		name := fmt.Sprintf("%s%d", prefix, len(whole))
		host := name + ".lab.test"
		var certificates time.Duration
		whole = append(whole, timed(func() {
			cmd, out, errs := s.start("add-service", name, "--host", host, "--to", server, "--expose", "public", "--output", "json")
			if r := s.finish(cmd.Run(), out, errs); r.code != 0 {
				b.Fatalf("add-service: exit %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			certificates = stepTook(b, out.Bytes(), "services/certificates")
			visit := fmt.Sprintf("until curl --silent --fail --max-time 2 --output /dev/null --cacert %s --connect-to ::%s:443 https://%s/; do sleep 0.03; done", s.lab.CAFile(), lab.CloudflareIP, host)
			curl, _, curlErrs := s.command("timeout", "60", "sh", "-c", visit)
			if err := curl.Run(); err != nil {
				b.Fatalf("%s is not served from outside: %v %s", host, err, curlErrs)
			}
		}))
		acme = append(acme, certificates)
	}
	report(b, figure{"ms/add-service-to-200", whole}, figure{"ms/of-it-ACME", acme})
}

// stepTook is how long a step of a run took, by its events.
func stepTook(b *testing.B, stdout []byte, step string) time.Duration {
	b.Helper()
	for line := range bytes.Lines(stdout) {
		var e struct {
			Kind, Step string
			Seconds    float64
		}
		if err := json.Unmarshal(line, &e); err != nil {
			b.Fatalf("%v: %s", err, line)
		}
		if e.Step == step && (e.Kind == "step-changed" || e.Kind == "step-holds") {
			return time.Duration(e.Seconds * float64(time.Second))
		}
	}
	b.Fatalf("no step %s in\n%s", step, stdout)
	return 0
}
